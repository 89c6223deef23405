"""PiSSA and OLoRA as the plain LoRA that answers the same on the base as it was."""

from pathlib import Path

import pytest
import torch

from lightune.methods import CHANGES_BASE, as_plain_lora, factors, load_adapter, save_adapter
from tests.fixtures.bases import answers, largest_difference, load
from tests.fixtures.tiers import few
from tests.methods.taught import BATCH, attached, teach


@pytest.mark.full
@pytest.mark.parametrize("name", CHANGES_BASE)
@pytest.mark.parametrize("kind", few(["gpt2", "bert", "llama"], "gpt2"))
def test_it_answers_the_same_and_the_base_is_as_it_was(
    bases: dict[str, Path], tmp_path: Path, kind: str, name: str
) -> None:
    base, model = attached(bases[kind], name, r=4)
    first = factors(model)
    teach(model, name)
    expected = answers(model, **BATCH)
    assert any(not torch.equal(value, first[own]) for own, value in factors(model).items())
    again = load(bases[kind])
    before = {own: value.clone() for own, value in again.model.state_dict().items()}
    plain = as_plain_lora(model, first, again.model, base.head.modules)
    assert largest_difference(answers(plain, **BATCH), expected) < 1e-5
    state = {
        own.removeprefix("base_model.model.").replace(".base_layer.", ".").replace(".original_module.", "."): value
        for own, value in plain.state_dict().items()
    }
    assert all(torch.equal(state[own], value) for own, value in before.items())

    config = plain.active_peft_config
    assert (config.r, config.lora_alpha, config.init_lora_weights) == (8, 16, True)
    save_adapter(plain, tmp_path, str(bases[kind]))
    loaded = load_adapter(load(bases[kind], seed=9).model, tmp_path)
    assert largest_difference(answers(loaded, **BATCH), expected) < 1e-5


@pytest.mark.full
@pytest.mark.parametrize("name", CHANGES_BASE)
def test_before_its_first_step_it_is_the_base(bases: dict[str, Path], name: str) -> None:
    base, model = attached(bases["gpt2"], name, r=4)
    model.eval()
    stock = load(bases["gpt2"]).model
    assert largest_difference(answers(model, **BATCH), answers(stock, **BATCH)) < 1e-5
    plain = as_plain_lora(model, factors(model), load(bases["gpt2"]).model, base.head.modules)
    assert largest_difference(answers(plain, **BATCH), answers(stock, **BATCH)) < 1e-5
