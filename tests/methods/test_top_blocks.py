"""Methods kept to the upper blocks: nothing below is changed or trained, and what cannot be kept there says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightune.catalogue import BIASES, LINEAR, METHODS, NORMS, Method
from lightune.errors import ConfigError, ModelError
from lightune.methods import attach, load_adapter, save_adapter, why_not_here
from lightune.models import find_blocks
from tests.fixtures.bases import answers, largest_difference, load, padded, token_rows, wake_adapter
from tests.fixtures.models import DECODERS, ENCODERS
from tests.fixtures.tiers import few

BATCH = padded(token_rows(4, 9, 17), 0)
KEPT = [
    method
    for method in METHODS.values()
    if method.targets in (LINEAR, NORMS, BIASES) and method.refused is None and why_not_here(method) is None
]
ELSEWHERE = [method for method in METHODS.values() if method.targets not in (LINEAR, NORMS, BIASES)]


def named(method: Method) -> str:
    return method.name


@pytest.mark.full
@pytest.mark.parametrize("method", few(KEPT, METHODS["lora"], METHODS["vera"]), ids=named)
def test_only_the_upper_blocks_and_the_head_are_trained(deep_bases: dict[str, Path], method: Method) -> None:
    base = load(deep_bases["gpt2"])
    model = attach(base.model, base.head.modules, method, steps=10, top_blocks=1)
    blocks = find_blocks(base.model)
    trained = [name for name, one in model.named_parameters() if one.requires_grad and "score" not in name]
    assert trained
    inside = [name.partition(f"{blocks.name}.")[2].partition(".")[0] for name in trained]
    # What is shared by all layers (VB-LoRA's bank) stands outside of them.
    assert {number for number in inside if number} <= {"3"}
    below = {name for at in range(3) for name, _ in blocks.modules[at].named_parameters()}
    assert below == {name for name, _ in load(deep_bases["gpt2"]).model.transformer.h[0].named_parameters()}


@pytest.mark.parametrize("kind", few([*DECODERS, *ENCODERS], "gpt2", "bert"))
def test_every_architecture_has_top_blocks(deep_bases: dict[str, Path], kind: str) -> None:
    base = load(deep_bases[kind])
    model = attach(base.model, base.head.modules, METHODS["lora"], {"r": 2}, top_blocks=2)
    blocks = find_blocks(base.model)
    adapted = {name for name, _ in base.model.named_parameters() if "lora_" in name}
    assert adapted
    assert all(blocks.inside(name, 2) for name in adapted)
    assert {name.removeprefix(f"{blocks.name}.")[0] for name in adapted} == {"2", "3"}
    assert model is not base.model


@pytest.mark.full
def test_it_is_saved_and_loaded(deep_bases: dict[str, Path], tmp_path: Path) -> None:
    base = load(deep_bases["bert"])
    model = attach(base.model, base.head.modules, METHODS["lora"], {"r": 2}, top_blocks=2)
    wake_adapter(model)
    save_adapter(model, tmp_path, str(deep_bases["bert"]))
    again = load_adapter(load(deep_bases["bert"], seed=1).model, tmp_path)
    assert largest_difference(answers(model.eval(), **BATCH), answers(again, **BATCH)) < 1e-6


@pytest.mark.parametrize("method", ELSEWHERE, ids=named)
def test_what_has_no_place_in_the_blocks_says_so(deep_bases: dict[str, Path], method: Method) -> None:
    base = load(deep_bases["gpt2"])
    with pytest.raises(ConfigError, match=r"^--top-blocks 1: .* cannot be kept to the upper blocks: it "):
        attach(base.model, base.head.modules, method, top_blocks=1)


def test_a_layer_that_only_the_lower_blocks_have_is_named(deep_bases: dict[str, Path]) -> None:
    base = load(deep_bases["gpt2"])
    with pytest.raises(ConfigError, match=r"none of this model's linear layers in its 2 top blocks; it has c_attn"):
        attach(base.model, base.head.modules, METHODS["lora"], target_modules=["h.0.attn.c_attn"], top_blocks=2)


def test_more_blocks_than_there_are_are_refused(deep_bases: dict[str, Path]) -> None:
    base = load(deep_bases["gpt2"])
    with pytest.raises(ModelError, match=r"^--top-blocks 9: the model has 4 blocks\."):
        attach(base.model, base.head.modules, METHODS["bitfit"], top_blocks=9)
