"""What a training picks for its machine, and that it goes on with what it picked."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lightune.compute import kept_bytes, quicken
from lightune.methods import fused_lora
from lightune.records import Plan
from lightune.training import planning
from lightune.training.planning import (
    carry_out,
    fit_memory,
    keep_plan,
    kept_plan,
    lessened,
    micro_batches,
    plan_training,
    taken_up,
)
from tests.fixtures.bases import largest_difference
from tests.training.tiny import Training


@pytest.mark.parametrize(
    ("default", "longest", "each", "free", "can", "expected"),
    [
        (2048, 500, 1e3, 10**9, True, (2048, False)),
        # 0.4 of a gigabyte holds 1,000 tokens of 400 KB.
        (2048, 500, 4e5, 10**9, True, (1000, False)),
        # A text longer than what fits: no micro-batch can be smaller, so its activations are computed again.
        (2048, 1500, 4e5, 10**9, True, (1500, True)),
        (2048, 1500, 4e5, 10**9, False, (1500, False)),
        (2048, 10, 4e5, 10**6, False, (256, False)),
    ],
)
def test_micro_batches_fit_the_memory_there_is(
    default: int, longest: int, each: float, free: int, can: bool, expected: tuple[int, bool]
) -> None:
    assert fit_memory(default, longest, each, free, can) == expected


def test_what_a_step_keeps_grows_with_its_tokens_and_leaves_weights_out(bases: dict[str, Path]) -> None:
    training = Training(bases["gpt2"])
    one, two = (
        kept_bytes(training.model, {"input_ids": torch.ones(1, width, dtype=torch.int64)}) for width in (20, 40)
    )
    assert 1.8 < two / one < 2.2
    weights = sum(parameter.numel() * 4 for parameter in training.model.parameters())
    assert one < weights


def test_nothing_of_what_was_measured_is_held(bases: dict[str, Path]) -> None:
    training = Training(bases["gpt2"])
    quicken(training.model)
    kept_bytes(training.model, {"input_ids": torch.ones(1, 20, dtype=torch.int64)})
    held = [weakref.ref(parameter) for parameter in training.model.parameters()]
    del training
    gc.collect()
    assert [one() for one in held if one() is not None] == []


@pytest.mark.full
def test_a_plan_names_each_choice_and_its_reason(bases: dict[str, Path]) -> None:
    training = Training(bases["gpt2"])
    plan = plan_training(training.model, training.train, training.recipe(), training.pad_id)
    choices = {field.name for field in dataclasses.fields(Plan)} - {"reasons", "halvings", "processes"}
    assert set(plan.reasons) == choices
    assert plan.packed
    assert not plan.checkpointing
    assert plan.threads == torch.get_num_threads()


@pytest.mark.full
def test_little_memory_makes_small_micro_batches_and_computes_activations_again(
    bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(bases["gpt2"])
    monkeypatch.setattr(planning, "available_memory_bytes", lambda: 1000)
    plan = plan_training(training.model, training.train, training.recipe(), training.pad_id)
    assert plan.micro_tokens == planning.LEAST_TOKENS
    assert plan.checkpointing
    carry_out(plan, training.model)
    assert any(getattr(module, "gradient_checkpointing", False) for module in training.model.modules())


def test_weights_are_laid_out_where_there_is_room(bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightune.models.layouts.LEAST", 1)
    monkeypatch.setattr(planning, "onednn_pays", lambda: True)
    training = Training(bases["gpt2"])
    size = planning.laid_out_bytes(quicken(training.model, onednn=True), training=True)
    for free, picked in ((5 * size, True), (5 * size - 5, False)):
        monkeypatch.setattr("lightune.compute.laying_out.available_memory_bytes", lambda free=free: free)
        plan = plan_training(training.model, training.train, training.recipe(), training.pad_id)
        assert plan.laid_out is picked
        assert f"{size / 1e9:.2f} GB" in plan.reasons["laid_out"]


def test_weights_are_not_laid_out_for_other_products(bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "onednn_pays", lambda: False)
    training = Training(bases["gpt2"])
    plan = plan_training(training.model, training.train, training.recipe(), training.pad_id)
    assert not plan.laid_out
    assert plan.reasons["laid_out"] == "the products are not oneDNN's"


@pytest.mark.full
def test_a_plan_that_is_taken_up_lays_out_what_there_is_room_for(
    bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightune.models.layouts.LEAST", 1)
    keep_plan(Plan(1, packed=True, onednn=True, micro_tokens=123, checkpointing=False, laid_out=True), tmp_path)
    for free, picked in ((10**12, True), (1000, False)):
        monkeypatch.setattr("lightune.compute.laying_out.available_memory_bytes", lambda free=free: free)
        plan = kept_plan(tmp_path, Training(bases["gpt2"]).model)
        assert plan is not None
        assert plan.laid_out is picked


@pytest.mark.full
def test_a_training_on_laid_out_weights_learns_the_same(
    bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightune.models.layouts.LEAST", 1)
    seen: list[bool] = []
    real = fused_lora.product_back
    monkeypatch.setattr(fused_lora, "product_back", lambda *args: seen.append(args[2] is not None) or real(*args))
    found = []
    for laid_out in (False, True):
        training = Training(bases["gpt2"])
        plan = Plan(torch.get_num_threads(), True, True, 256, checkpointing=False, laid_out=laid_out)
        training.fit(training.recipe(), tmp_path / str(laid_out), plan=plan)
        assert any(seen) is laid_out
        assert planning.laid_out_bytes(training.model, training=True) > 0  # nothing is laid out any more
        found.append({name: one.detach() for name, one in training.model.named_parameters() if one.requires_grad})
    for name, one in found[0].items():
        assert largest_difference(one, found[1][name]) < 1e-4


@pytest.mark.full
def test_a_training_that_goes_on_keeps_its_plan(bases: dict[str, Path], tmp_path: Path) -> None:
    training = Training(bases["gpt2"])
    plan = Plan(torch.get_num_threads(), packed=False, onednn=False, micro_tokens=123, checkpointing=False)
    assert training.fit(training.recipe(max_steps=4), tmp_path, plan=plan).facts.plan == plan
    again = Training(bases["gpt2"])
    assert again.fit(again.recipe(max_steps=4), tmp_path).facts.plan == plan
    # Without anything to go on from it is planned anew: the old plan may have been what ended it.
    fresh = Training(bases["gpt2"])
    keep_plan(plan, tmp_path / "other")
    assert fresh.fit(fresh.recipe(max_steps=2), tmp_path / "other").facts.plan != plan


def test_a_plan_that_other_processes_had_has_the_threads_of_these() -> None:
    plan = Plan(64, packed=False, onednn=False, micro_tokens=123, checkpointing=False, processes=2)
    assert taken_up(plan, 2) == plan
    alone = taken_up(plan, 1)
    assert (alone.threads, alone.micro_tokens) == (torch.get_num_threads(), 123)
    assert alone.reasons["threads"] in ("OMP_NUM_THREADS says so", "torch's own choice")


@pytest.mark.full
def test_a_training_goes_on_with_its_own_threads_where_it_was_shared_by_others(bases, tmp_path) -> None:
    own = torch.get_num_threads()
    plan = Plan(own + 1, packed=False, onednn=False, micro_tokens=123, checkpointing=False, processes=3)
    training = Training(bases["gpt2"])
    taken = training.fit(training.recipe(max_steps=1), tmp_path, plan=plan).facts.plan
    assert (taken.threads, taken.micro_tokens, taken.processes) == (own, 123, 1)
    assert torch.get_num_threads() == own


@pytest.mark.parametrize(
    "change", [{"threads": 10_000}, {"packed": True}, {"onednn": True}], ids=["threads", "packed", "onednn"]
)
def test_a_plan_that_cannot_be_carried_out_here_counts_as_none(
    bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    model = Training(bases["bert"]).model
    plan = Plan(1, packed=False, onednn=False, micro_tokens=123, checkpointing=False)
    monkeypatch.setattr(planning, "onednn_speed", lambda: 0.0)
    keep_plan(plan, tmp_path)
    assert kept_plan(tmp_path, model) == plan
    keep_plan(dataclasses.replace(plan, **change), tmp_path)
    assert kept_plan(tmp_path, model) is None


def test_dropout_on_attention_counts_what_the_longest_text_keeps(bases: dict[str, Path]) -> None:
    training = Training(bases["gpt2"])
    rows, model = training.train, training.model
    without = planning.bytes_per_token(model, rows, training.pad_id, packed=True)
    for module in model.modules():
        if hasattr(module, "attn_dropout"):
            module.attn_dropout.p = 0.5
    assert planning.bytes_per_token(model, rows, training.pad_id, packed=True) > without


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"threads": "many"}'])
def test_a_damaged_plan_counts_as_none(bases: dict[str, Path], tmp_path: Path, text: str) -> None:
    (tmp_path / planning.PLAN).write_text(text)
    assert kept_plan(tmp_path, Training(bases["gpt2"]).model) is None


@pytest.mark.full
def test_plans_differ_and_what_is_learned_does_not(bases: dict[str, Path], tmp_path: Path) -> None:
    found: list[dict[str, Any]] = []
    for at, choice in enumerate([(True, True, 64), (False, False, 4096), (True, False, 4096)]):
        packed, onednn, tokens = choice
        training = Training(bases["gpt2"])
        folder = tmp_path / str(at)
        own = Plan(torch.get_num_threads(), packed, onednn, tokens, checkpointing=at == 2)
        plan = training.fit(training.recipe(max_steps=4), folder, plan=own).facts.plan
        assert plan is not None
        assert (plan.packed, plan.onednn, plan.micro_tokens) == choice
        found.append(training.weights())
    for other in found[1:]:
        assert max((found[0][name] - other[name]).abs().max().item() for name in other) < 2e-5


def test_less_memory_halves_micro_batches_and_computes_again_once_a_text_fills_one(bases: dict[str, Path]) -> None:
    training = Training(bases["gpt2"])
    plan = plan_training(training.model, training.train, training.recipe(), training.pad_id)
    longest = int(training.train.encoded.lengths.max())
    found = [lessened(plan, times, training.model, training.train, 4) for times in range(4)]
    assert found[0] == plan
    assert [one.micro_tokens for one in found[1:]] == [4 * longest >> times for times in (1, 2, 3)]
    assert [one.checkpointing for one in found] == [False, False, False, True]
    assert not found[1].laid_out
    assert found[1].halvings == 1
    # One that was kept with the checkpoints allows for what was known when it was made.
    assert lessened(found[1], 1, training.model, training.train, 4) == found[1]
    assert lessened(found[1], 2, training.model, training.train, 4).micro_tokens == longest
    rows = np.arange(16)
    cut = micro_batches(found[2], training.train.encoded.lengths[rows], 4)
    assert sorted(row for batch in cut for row in batch) == rows.tolist()
