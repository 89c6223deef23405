"""A fused LoRA layer is peft's layer: same answers, same gradients, and peft's own code wherever it is not plain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lightune.catalogue import METHODS
from lightune.methods import attach, fuse_lora, fused_lora, merge_plain_lora
from tests.fixtures.bases import answers, largest_difference, load, padded, token_rows, wake_adapter

BATCH = padded(token_rows(5, 20), 0)


def adapted(folder: Path, name: str = "lora", **options: Any) -> nn.Module:
    base = load(folder)
    model = attach(base.model, base.head.modules, METHODS[name], {"r": 3, **options})
    wake_adapter(model)
    return model


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    model.zero_grad()
    model(**BATCH).logits.square().sum().backward()
    return {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each layer that the fused code computed."""
    found: list[int] = []
    real = fused_lora.LoraByOneDnn.apply
    monkeypatch.setattr(fused_lora.LoraByOneDnn, "apply", lambda *args: found.append(1) or real(*args))
    return found


@pytest.mark.parametrize("kind", ["gpt2", "llama", "bert"])
def test_answers_and_gradients_are_pefts(bases: dict[str, Path], kind: str, calls: list[int]) -> None:
    model = adapted(bases[kind])
    before, expected = answers(model, **BATCH), gradients(model)
    assert fuse_lora(model) > 0
    assert largest_difference(answers(model, **BATCH), before) < 1e-5
    found = gradients(model)
    assert calls
    assert found.keys() == expected.keys()
    largest = max(value.abs().max().item() for value in expected.values())
    assert max(largest_difference(found[name], expected[name]) for name in found) < 1e-5 * max(1.0, largest)


@pytest.mark.parametrize("name", ["rslora", "pissa"])
def test_variants_that_only_begin_or_scale_in_another_way_are_fused_too(
    bases: dict[str, Path], name: str, calls: list[int]
) -> None:
    model = adapted(bases["gpt2"], name)
    before = answers(model, **BATCH)
    fuse_lora(model)
    assert largest_difference(answers(model, **BATCH), before) < 1e-5
    assert calls


def test_what_is_not_plain_is_left_to_peft(bases: dict[str, Path], calls: list[int]) -> None:
    dora = adapted(bases["gpt2"], "dora")
    before = answers(dora, **BATCH)
    fuse_lora(dora)
    assert largest_difference(answers(dora, **BATCH), before) == 0.0
    assert not calls


def test_dropout_at_work_is_left_to_peft(bases: dict[str, Path], calls: list[int]) -> None:
    model = adapted(bases["gpt2"], lora_dropout=0.5)
    fuse_lora(model)
    model.train()
    answers(model, **BATCH)
    assert not calls
    model.eval()
    answers(model, **BATCH)
    assert calls


def test_switched_off_and_merged_it_is_the_base_and_the_merge(bases: dict[str, Path], calls: list[int]) -> None:
    model: Any = adapted(bases["gpt2"])
    fuse_lora(model)
    adapted_answers = answers(model, **BATCH)
    calls.clear()
    with model.disable_adapter():
        assert largest_difference(answers(model, **BATCH), adapted_answers) > 1e-3
    model.merge_adapter()
    assert largest_difference(answers(model, **BATCH), adapted_answers) < 1e-5
    model.unmerge_adapter()
    assert not calls
    assert largest_difference(answers(model, **BATCH), adapted_answers) < 1e-5
    assert calls


def test_a_plain_adapter_is_merged_and_answers_the_same(bases: dict[str, Path], calls: list[int]) -> None:
    model = adapted(bases["gpt2"])
    fuse_lora(model)
    before = answers(model, **BATCH)
    calls.clear()
    assert merge_plain_lora(model)
    assert largest_difference(answers(model, **BATCH), before) < 1e-5
    assert not calls
    assert not merge_plain_lora(model)


@pytest.mark.parametrize("name", ["dora", "ia3", "bitfit"])
def test_what_is_not_plain_is_not_merged(bases: dict[str, Path], name: str) -> None:
    base = load(bases["gpt2"])
    model = attach(base.model, base.head.modules, METHODS[name])
    before = answers(model, **BATCH)
    assert not merge_plain_lora(model)
    assert largest_difference(answers(model, **BATCH), before) == 0.0
