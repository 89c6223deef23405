"""Conv1D to Linear and back: the same numbers to the bit, and the stock layout again."""

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from lightune.models import to_conv1d, to_linear
from tests.fixtures.bases import answers, largest_difference, load, padded, token_rows

BATCH = padded(token_rows(4, 9, 17), 0)
LAYERS = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")


def test_logits_are_identical_both_ways(bases: dict[str, Path]) -> None:
    model = load(bases["gpt2"]).model.eval()
    before = answers(model, **BATCH)
    names = to_linear(model)
    assert set(names) == {f"transformer.h.{block}.{layer}" for block in range(2) for layer in LAYERS}
    assert all(isinstance(model.get_submodule(name), nn.Linear) for name in names)
    assert not any(isinstance(module, Conv1D) for module in model.modules())
    assert largest_difference(answers(model, **BATCH), before) == 0.0
    to_conv1d(model, names)
    assert largest_difference(answers(model, **BATCH), before) == 0.0


def test_the_state_dict_is_stock_again(bases: dict[str, Path]) -> None:
    model = load(bases["gpt2"]).model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    names = to_linear(model)
    assert model.state_dict()[f"{names[0]}.weight"].shape == before[f"{names[0]}.weight"].T.shape
    to_conv1d(model, names)
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert all(value.is_contiguous() for value in after.values())


@pytest.mark.parametrize("training", [True, False])
def test_layers_stay_in_training_or_not(bases: dict[str, Path], training: bool) -> None:
    model = load(bases["gpt2"]).model.train(training)
    names = to_linear(model)
    assert all(model.get_submodule(name).training == training for name in names)
    to_conv1d(model, names)
    assert all(model.get_submodule(name).training == training for name in names)


def test_other_models_have_none(bases: dict[str, Path]) -> None:
    assert to_linear(load(bases["bert"]).model) == ()


def test_the_global_generator_is_left_as_it_was(bases: dict[str, Path]) -> None:
    model = load(bases["gpt2"]).model
    before = torch.random.get_rng_state()
    to_conv1d(model, to_linear(model))
    assert torch.equal(torch.random.get_rng_state(), before)
