"""Checkpoints of every kind of method: they hold all that is trained, the best comes back, a cut leaves no trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from lightune.catalogue import METHODS
from lightune.training.trained_state import TRAINED_FILE, load_trained, save_trained
from tests.fixtures.tiers import few
from tests.training.adapted import AdaptedTraining

# One of each way to be saved by peft: weights, a prompt, a prefix, without a head, and not at all.
KINDS = ("lora", "adalora", "prefix-tuning", "p-tuning", "adaption-prompt", "trainable-tokens", "bitfit")
RESUMED = ("lora", "adalora", "prefix-tuning", "adaption-prompt", "bitfit")
HEADLESS = [name for name, method in METHODS.items() if not method.saves_head]


class CutOff(Exception):
    """What ends a training in the middle."""


def cut_off_after(steps: int) -> Any:
    def progress(phase: str, done: int, total: int, facts: Any) -> None:
        if phase == "train" and done > steps:
            raise CutOff

    return progress


@pytest.mark.full
@pytest.mark.parametrize("name", few(KINDS, "prefix-tuning"))
def test_a_checkpoint_holds_every_trained_parameter(bases: dict[str, Path], tmp_path: Path, name: str) -> None:
    training = AdaptedTraining(bases["gpt2"], name, max_steps=2, evaluations=1)
    training.fit(tmp_path)
    (checkpoint,) = tmp_path.glob("checkpoint-*")
    saved, weights = load_file(checkpoint / TRAINED_FILE), training.weights()
    assert set(saved) == set(weights)
    assert any("score" in own for own in saved)
    assert all(torch.equal(saved[own], value) for own, value in weights.items())


def test_methods_whose_head_peft_does_not_save_are_among_them() -> None:
    assert set(HEADLESS) <= set(KINDS)


@pytest.mark.full
@pytest.mark.parametrize("name", few(KINDS, "lora", "prefix-tuning", "bitfit"))
def test_what_was_saved_fills_a_fresh_model(bases: dict[str, Path], tmp_path: Path, name: str) -> None:
    first, second = (AdaptedTraining(bases["gpt2"], name, max_steps=2) for _ in range(2))
    with torch.no_grad():
        for value in first.model.parameters():
            if value.requires_grad:
                value.add_(1.0)
    save_trained(first.model, tmp_path)
    assert any(not torch.equal(value, first.weights()[own]) for own, value in second.weights().items())
    load_trained(second.model, tmp_path)
    assert all(torch.equal(value, first.weights()[own]) for own, value in second.weights().items())


def test_another_models_checkpoint_is_refused(bases: dict[str, Path], tmp_path: Path) -> None:
    save_trained(AdaptedTraining(bases["gpt2"], "lora", max_steps=2).model, tmp_path)
    with pytest.raises(ValueError, match=r"the model's trained parameters are expected, .* does not fit"):
        load_trained(AdaptedTraining(bases["gpt2"], "bitfit", max_steps=2).model, tmp_path)


@pytest.mark.full
@pytest.mark.parametrize("name", few(KINDS, "lora"))
def test_the_best_step_is_restored(bases: dict[str, Path], tmp_path: Path, name: str) -> None:
    # A rate that soon does harm: the best look is not the last one.
    options = {"max_steps": 8, "evaluations": 8, "learning_rate": 1.0, "schedule": "constant", "warmup": 0.0}
    training = AdaptedTraining(bases["gpt2"], name, patience=0, select_by="loss", **options)
    seen: dict[int, dict[str, torch.Tensor]] = {}

    def progress(phase: str, done: int, total: int, facts: Any) -> None:
        if phase == "train":
            seen[done] = training.weights()

    facts = training.fit(tmp_path, progress=progress).facts
    looks = {point.step: point.validation["loss"] for point in facts.history if point.validation is not None}
    assert facts.best_step == min(looks, key=lambda step: looks[step])
    assert all(torch.equal(value, seen[facts.best_step][own]) for own, value in training.weights().items())


@pytest.mark.parametrize("name", RESUMED)
@pytest.mark.full
def test_a_training_that_was_cut_off_ends_as_if_it_had_not_been(
    bases: dict[str, Path], tmp_path: Path, name: str
) -> None:
    def fresh() -> AdaptedTraining:
        return AdaptedTraining(bases["gpt2"], name, max_steps=6, evaluations=3, patience=0)

    whole = fresh()
    uncut = whole.fit(tmp_path / "whole")
    with pytest.raises(CutOff):
        fresh().fit(tmp_path / "cut", progress=cut_off_after(3))
    assert [path.name for path in (tmp_path / "cut").glob("checkpoint-*")] == ["checkpoint-2"]
    resumed = fresh()
    again = resumed.fit(tmp_path / "cut")
    assert all(torch.equal(value, whole.weights()[own]) for own, value in resumed.weights().items())
    assert again.facts.best_step == uncut.facts.best_step
    assert (again.rows, again.tokens) == (uncut.rows, uncut.tokens)
