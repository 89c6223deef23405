"""A training whose numbers are no finite ones any more: it ends within one logging interval, and its best is kept."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from lightune.errors import Diverged
from lightune.training import PLAN
from lightune.training.callbacks import StopWhenNotFinite
from lightune.training.trainer import StepTrainer
from tests.training.tiny import Training

BROKEN = 7


def poison_weights(trainer: StepTrainer, loss: torch.Tensor) -> torch.Tensor:
    """The step leaves a weight that is no number."""
    with torch.no_grad():
        next(one for one in trainer.model.parameters() if one.requires_grad).view(-1)[0] = math.nan
    return loss


def poison_loss(trainer: StepTrainer, loss: torch.Tensor) -> torch.Tensor:
    """What came in makes the loss infinite."""
    return loss + math.inf


@pytest.fixture
def poisoned(monkeypatch):
    """Have a step of each training go wrong, or the looks from it on."""

    def put(poison: Any) -> None:
        real = StepTrainer.training_step

        def step(self: StepTrainer, *args: Any) -> torch.Tensor:
            loss = real(self, *args)
            return poison(self, loss) if self.state.global_step + 1 == BROKEN else loss

        monkeypatch.setattr(StepTrainer, "training_step", step)

    return put


@pytest.mark.full
@pytest.mark.parametrize(("poison", "at"), [(poison_weights, BROKEN + 1), (poison_loss, BROKEN)])
def test_it_ends_within_one_logging_interval_and_is_put_back_to_its_best(bases, tmp_path, poisoned, poison, at):
    short = Training(bases["gpt2"])
    recipe = short.recipe(max_steps=12, evaluations=4, patience=0, schedule="constant", warmup=0.0)
    seen = {}

    def look(phase: str, done: int, total: int, facts: dict[str, Any]) -> None:
        if "eval_loss" in facts:
            seen[done] = (facts["eval_loss"], short.weights())

    poisoned(poison)
    with pytest.raises(Diverged, match=rf"the loss was (nan|inf) by step {at} of 12 \(at step \d+ the") as caught:
        short.fit(recipe, tmp_path, progress=look)
    assert sorted(seen) == [3, 6]  # a logging interval is one step here
    best = min(seen, key=lambda step: seen[step][0])
    assert caught.value.best_step == best
    assert not (tmp_path / PLAN).exists()  # which would say that it is under way
    now = short.weights()
    assert all(torch.equal(now[name], value) for name, value in seen[best][1].items())


@pytest.mark.full
def test_without_the_guard_a_training_ends_well_with_weights_that_are_no_numbers(
    bases, tmp_path, poisoned, monkeypatch
):
    monkeypatch.setattr(StopWhenNotFinite, "on_log", lambda *_, **__: None)
    monkeypatch.setattr(StopWhenNotFinite, "on_evaluate", lambda *_, **__: None)
    poisoned(poison_weights)
    training = Training(bases["gpt2"])
    training.fit(training.recipe(max_steps=8, evaluations=1, patience=0), tmp_path)
    assert any(not value.isfinite().all() for value in training.weights().values())


@pytest.mark.full
def test_answers_to_validation_that_are_no_numbers_end_it_too(bases, tmp_path, monkeypatch):
    real = StepTrainer.prediction_step

    def broken(self: StepTrainer, *args: Any, **options: Any) -> Any:
        loss, logits, labels = real(self, *args, **options)
        return loss, logits * (math.nan if self.state.global_step > 3 else 1.0), labels

    monkeypatch.setattr(StepTrainer, "prediction_step", broken)
    training = Training(bases["gpt2"])
    with pytest.raises(Diverged, match=r"the loss of the validation rows was nan by step 6 of 12") as caught:
        training.fit(training.recipe(max_steps=12, evaluations=4, patience=0), tmp_path)
    assert caught.value.best_step == 3


@pytest.mark.full
def test_nothing_is_put_back_before_the_first_look(bases, tmp_path, poisoned):
    poisoned(poison_loss)
    training = Training(bases["gpt2"])
    with pytest.raises(Diverged) as caught:
        training.fit(training.recipe(max_steps=12, evaluations=1, patience=0), tmp_path)
    assert caught.value.best_step is None


def test_a_weight_that_the_loss_does_not_depend_on_is_looked_at_before_it_is_saved():
    model = nn.Linear(2, 2)
    state, args = SimpleNamespace(global_step=5, max_steps=9), SimpleNamespace(learning_rate=1e-3, max_grad_norm=0.0)
    stop: Any = StopWhenNotFinite().on_evaluate
    stop(args, state, None, model=model)
    with torch.no_grad():
        model.bias[0] = math.inf
    with pytest.raises(Diverged, match=r"bias had weights that are no finite .* step 5 of 9\..*--max-grad-norm 1"):
        stop(args, state, None, model=model)
    model.bias.requires_grad_(False)  # not this training's doing
    stop(args, state, None, model=model)
