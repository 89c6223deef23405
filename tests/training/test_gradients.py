"""Before step 1: what is meant to be trained gets a gradient."""

import pytest
import torch
from torch import nn

from lightune.errors import RunError
from lightune.training.batches import RowCollator
from lightune.training.gradients import check_gradients
from tests.fixtures.models import KINDS
from tests.fixtures.tiers import few
from tests.training.tiny import Training


def batch_of(training: Training) -> dict[str, torch.Tensor]:
    return RowCollator(training.pad_id)([training.train[at] for at in range(4)])


@pytest.mark.full
@pytest.mark.parametrize("kind", few(KINDS))
def test_a_sound_model_passes_and_is_left_as_it_was(bases, kind):
    training = Training(bases[kind])
    training.model.eval()
    before, state = training.weights(), torch.get_rng_state()
    check_gradients(training.model, batch_of(training), training.head)
    assert torch.equal(torch.get_rng_state(), state)
    assert not training.model.training
    assert all(value.grad is None for value in training.model.parameters())
    assert all(torch.equal(before[name], value) for name, value in training.weights().items())


def test_a_frozen_head_is_found(bases):
    training = Training(bases["gpt2"])
    for name, value in training.model.named_parameters():
        if "score" in name:
            value.requires_grad_(False)
    with pytest.raises(RunError, match=r"The head \(score\) is frozen"):
        check_gradients(training.model, batch_of(training), training.head)


def test_a_head_that_the_loss_does_not_reach_is_found(bases):
    training = Training(bases["gpt2"])
    for module in training.model.modules():
        if isinstance(module, nn.Linear) and module.out_features == 2:
            module.register_forward_hook(lambda _, __, out: out.detach().requires_grad_())
    with pytest.raises(RunError, match=r"The head's .*weight gets no gradient"):
        check_gradients(training.model, batch_of(training), training.head)


def test_an_adapter_that_the_loss_does_not_reach_is_found(bases):
    training = Training(bases["gpt2"])
    trunk = next(module for name, module in training.model.named_modules() if name.endswith("transformer.ln_f"))
    trunk.register_forward_hook(lambda _, __, out: out.detach())
    with pytest.raises(RunError, match=r"None of the adapter's \d+ tensors gets a gradient"):
        check_gradients(training.model, batch_of(training), training.head)
