"""A training: it learns, keeps its best, ends early when asked, stops when it diverges and goes on when cut off."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lightune.errors import RunError
from lightune.training import predict
from lightune.training.trainer import StepTrainer
from tests.training.tiny import Training, one_by_one

pytestmark = pytest.mark.full


def validation_loss(training: Training) -> float:
    training.model.eval()
    with torch.no_grad():
        return one_by_one(training.model, training.validation).item()


def looks(facts: Any, name: str = "loss") -> dict[int, float]:
    """What each look at the validation split gave."""
    return {point.step: point.validation[name] for point in facts.history if point.validation}


def test_it_learns_and_leaves_the_base_alone(bases, tmp_path):
    training = Training(bases["gpt2"], count=160)
    before = validation_loss(training)
    frozen = {name: value.clone() for name, value in training.model.named_parameters() if not value.requires_grad}
    trained = training.fit(training.recipe(max_steps=90, learning_rate=5e-3, patience=0), tmp_path)
    assert validation_loss(training) < before / 2
    assert max(looks(trained.facts, "accuracy").values()) >= 0.75
    assert all(torch.equal(frozen[name], value) for name, value in training.model.named_parameters() if name in frozen)
    assert trained.facts.steps == trained.facts.planned_steps == 90
    assert trained.rows == 90 * 16


def test_the_best_look_is_what_remains(bases, tmp_path):
    training = Training(bases["gpt2"])
    # A rate this high ends worse than it has been.
    recipe = training.recipe(max_steps=30, evaluations=10, learning_rate=5e-2, schedule="constant", patience=0)
    facts = training.fit(recipe, tmp_path).facts
    each = looks(facts)
    assert facts.best_step == min(each, key=lambda step: each[step])
    assert each[facts.best_step] < each[30]
    assert validation_loss(training) == pytest.approx(each[facts.best_step], abs=1e-5)


def test_select_by_another_metric_keeps_the_highest(bases, tmp_path):
    training = Training(bases["gpt2"])
    recipe = training.recipe(max_steps=20, evaluations=10, learning_rate=1e-2, select_by="macro_f1", patience=0)
    facts = training.fit(recipe, tmp_path).facts
    each = looks(facts, "macro_f1")
    assert facts.selected_by == "macro_f1"
    assert each[facts.best_step] == max(each.values())


def test_it_ends_early_when_nothing_gets_better(bases, tmp_path):
    training = Training(bases["gpt2"])
    recipe = training.recipe(max_steps=60, evaluations=30, learning_rate=5e-2, schedule="constant", patience=2)
    facts = training.fit(recipe, tmp_path).facts
    assert facts.stopped_early
    assert facts.steps < 60
    each = looks(facts)
    assert facts.steps == sorted(each)[-1]
    assert sum(step > facts.best_step for step in each) == 2


def test_the_last_step_is_looked_at_wherever_the_interval_falls(bases, tmp_path):
    training = Training(bases["gpt2"])
    facts = training.fit(training.recipe(max_steps=7, evaluations=2, patience=0), tmp_path).facts
    assert sorted(looks(facts)) == [4, 7]


def test_a_training_that_diverges_says_so(bases, tmp_path):
    training = Training(bases["gpt2"])
    recipe = training.recipe(max_steps=30, learning_rate=1e20, schedule="constant", warmup=0.0, patience=0)
    with pytest.raises(RunError, match=r"diverged: .* by step \d+ of 30.*\. Try a --learning-rate smaller"):
        training.fit(recipe, tmp_path)


def test_the_same_seed_gives_the_same_weights_and_another_seed_does_not(bases, tmp_path):
    found = []
    for at, seed in enumerate((0, 0, 1)):
        training = Training(bases["gpt2"])
        training.fit(training.recipe(max_steps=4), tmp_path / str(at), seed=seed)
        found.append(training.weights())
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    assert any(not torch.equal(found[0][name], found[2][name]) for name in found[0])


class CutOff(Exception):
    """What ends a training in the middle."""


def cut_off_after(steps: int) -> Any:
    def progress(phase: str, done: int, total: int, facts: Any) -> None:
        if phase == "train" and done > steps:
            raise CutOff

    return progress


def test_a_training_that_was_cut_off_ends_as_if_it_had_not_been(bases, tmp_path):
    whole = Training(bases["gpt2"])
    recipe = whole.recipe(max_steps=10, evaluations=5, patience=0)
    uncut = whole.fit(recipe, tmp_path / "whole")

    first = Training(bases["gpt2"])
    with pytest.raises(CutOff):
        first.fit(recipe, tmp_path / "cut", progress=cut_off_after(5))
    assert {path.name for path in (tmp_path / "cut").iterdir()} == {"checkpoint-2", "checkpoint-4", "plan.json"}
    second = Training(bases["gpt2"])
    resumed = second.fit(recipe, tmp_path / "cut")

    assert all(torch.equal(value, whole.weights()[name]) for name, value in second.weights().items())
    assert looks(resumed.facts) == looks(uncut.facts)
    assert resumed.facts.best_step == uncut.facts.best_step
    # What it took is counted over both parts.
    assert (resumed.rows, resumed.tokens) == (uncut.rows, uncut.tokens)
    assert uncut.seconds_before == 0
    assert resumed.seconds_before > 0


def test_how_long_it_waited_for_better_counts_on_after_a_cut(bases, tmp_path):
    options = {"max_steps": 60, "evaluations": 30, "learning_rate": 5e-2, "schedule": "constant", "patience": 2}
    whole = Training(bases["gpt2"])
    uncut = whole.fit(whole.recipe(**options), tmp_path / "whole").facts
    first = Training(bases["gpt2"])
    with pytest.raises(CutOff):
        first.fit(first.recipe(**options), tmp_path / "cut", progress=cut_off_after(uncut.steps - 1))
    second = Training(bases["gpt2"])
    assert second.fit(second.recipe(**options), tmp_path / "cut").facts.steps == uncut.steps


@pytest.mark.parametrize(
    "options",
    [
        {"max_steps": 7, "evaluations": 2, "patience": 0, "schedule": "constant"},  # ends in the middle of an epoch
        {"max_steps": 60, "evaluations": 30, "learning_rate": 5e-2, "schedule": "constant", "patience": 2},
    ],
    ids=["all steps", "stopped early"],
)
def test_a_training_that_had_ended_is_not_trained_on(bases, tmp_path, options):
    whole = Training(bases["gpt2"])
    recipe = whole.recipe(**options)
    first = whole.fit(recipe, tmp_path)
    again = Training(bases["gpt2"])
    steps: list[int] = []
    second = again.fit(recipe, tmp_path, progress=lambda _, done, __, ___: steps.append(done))
    assert steps == []
    assert second.facts == first.facts
    assert (second.rows, second.tokens) == (first.rows, first.tokens)
    assert second.seconds_before > 0
    assert all(torch.equal(value, whole.weights()[name]) for name, value in again.weights().items())


def test_balanced_weights_are_scikit_learns(bases, tmp_path, monkeypatch):
    from sklearn.utils.class_weight import compute_class_weight

    given = {}

    class Spy(StepTrainer):
        def __init__(self, **options: Any) -> None:
            given.update(options)
            super().__init__(**options)

    # The package hands out the function `fit`, which hides the module of that name.
    monkeypatch.setattr(sys.modules["lightune.training.fit"], "StepTrainer", Spy)
    training = Training(bases["gpt2"])
    training.train.labels[:] = [0] * 30 + [1] * 10
    training.fit(training.recipe(max_steps=1, class_weights="balanced"), tmp_path / "a")
    expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=training.train.labels)
    assert given["class_weights"].numpy() == pytest.approx(expected)
    training.fit(training.recipe(max_steps=1), tmp_path / "b")
    assert given["class_weights"] is None


def test_each_step_and_each_look_is_told(bases, tmp_path):
    heard: list[tuple[str, int, int, dict[str, float]]] = []
    training = Training(bases["gpt2"])
    training.fit(training.recipe(max_steps=4, evaluations=2), tmp_path, progress=lambda *what: heard.append(what))
    assert [done for phase, done, _, facts in heard if phase == "train" and not facts] == [1, 2, 3, 4]
    assert {total for _, _, total, _ in heard} == {4}
    assert any("loss" in facts for *_, facts in heard)
    assert sum("eval_accuracy" in facts for *_, facts in heard) == 2


def test_predict_answers_in_the_order_of_the_rows(bases, tmp_path):
    training = Training(bases["gpt2"], 20)
    heard: list[tuple[int, int]] = []
    logits = predict(
        training.model,
        training.train,
        training.pad_id,
        tmp_path,
        lambda _, done, total, __: heard.append((done, total)),
    )
    assert logits.shape == (20, 2)
    assert heard[-1][0] == heard[-1][1]
    training.model.eval()
    with torch.no_grad():
        for at in (0, 7, 19):
            ids = torch.as_tensor(training.train[at]["ids"].astype(np.int64))[None]
            assert np.abs(training.model(input_ids=ids).logits[0].numpy() - logits[at]).max() < 1e-5


@pytest.fixture
def checkpoint_folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


def test_another_order_of_micro_batches_is_the_same_training(bases, checkpoint_folder):
    found = []
    for batch_size, accumulation in ((16, 1), (4, 4)):
        training = Training(bases["gpt2"])
        recipe = training.recipe(max_steps=4, batch_size=batch_size, accumulation=accumulation)
        training.fit(recipe, checkpoint_folder / str(batch_size))
        found.append(training.weights())
    assert max((found[0][name] - found[1][name]).abs().max().item() for name in found[0]) < 1e-5
