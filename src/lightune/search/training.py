"""Trials trained in one process: one base, one set of tokens, one cache of the frozen trunk for all of them."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from lightune.arms.adapter import AdapterArm
from lightune.arms.base import ArmContext
from lightune.arms.fitted_model import load_base
from lightune.arms.trained_model import Lesson, prepare, teach
from lightune.catalogue import METHODS
from lightune.errors import Diverged
from lightune.models import put_back
from lightune.records import Rows, TrainingFacts
from lightune.search.halving import rungs_of
from lightune.search.space import applied
from lightune.training import LORA_RATES
from lightune.whole import write_whole

LOSS = "loss"


class Trainings:
    """Trains trials of `context.spec`, a method that leaves the base's own weights alone, up to their rungs.

    context: of the search; its scratch is where trials keep their checkpoints. It is given the training and validation
    rows and knows no others.
    """

    def __init__(self, context: ArmContext, train: Rows, validation: Rows, pruned: bool) -> None:
        self.context = context
        self.base, encoder = load_base(context)
        rates = [(width, rate * METHODS[context.spec].rate) for width, rate in LORA_RATES]
        self.lesson = prepare(context, self.base, encoder, rates, train, validation)
        recipe = self.lesson.recipe
        self.rungs = rungs_of(recipe.steps, pruned)
        self.selected_by = recipe.select_by
        self.trunk = AdapterArm(context).trunk

    @property
    def lower(self) -> bool:
        """Whether less of the metric is better."""
        return self.selected_by == LOSS

    @property
    def rate(self) -> float:
        """The learning rate of a training without a search."""
        return self.lesson.recipe.learning_rate

    def train(self, number: int, values: Mapping[str, float], rung: int) -> tuple[float, float]:
        """Train a trial up to `rung`, from where it was left. Returns the best look up to there, NaN where it diverged,
        and the seconds that it took."""
        start = time.perf_counter()
        folder = self._own_folder(number, values)
        config = applied(self.context.config, values)
        arm = AdapterArm(replace(self.context, config=config))
        arm.trunk = self.trunk
        goal = Goal(self.rungs[rung], self.selected_by)
        lesson = self._lesson(values, config.training.head_rate)
        with put_back(self.base.model):
            model = arm.adapted(self.base, lesson)
            self.trunk = arm.trunk
            try:
                demands, progress = arm.demands(model), self.context.progress
                trained = teach(arm.context, self.base, model, lesson, folder, progress, demands, arm.trunk, (goal,))
                score = best_look(trained.facts, self.selected_by)
            except Reached:
                score = goal.best
            except Diverged:
                score = math.nan
        return score, time.perf_counter() - start

    def _lesson(self, values: Mapping[str, float], head_rate: float) -> Lesson:
        """The whole training, looked at as often as the first rung is long, and ended by nobody."""
        recipe = replace(
            self.lesson.recipe,
            learning_rate=float(values.get("training.learning_rate", self.rate)),
            head_rate=head_rate,
            evaluate_every=self.rungs[0] if len(self.rungs) > 1 else self.lesson.recipe.evaluate_every,
            patience=0,
        )
        return replace(self.lesson, recipe=recipe)

    def _own_folder(self, number: int, values: Mapping[str, float]) -> Path:
        """The trial's checkpoints; those of other values under its number are removed."""
        folder = self.context.scratch / str(number)
        mark, told = folder / "values.json", json.dumps(dict(values), sort_keys=True)
        if not mark.exists() or mark.read_text(encoding="utf-8") != told:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            write_whole(mark, told)
        return folder


class Reached(Exception):
    """A trial has come to its rung and is left there, its checkpoint written."""


class Goal(TrainerCallback):
    """Ends a training at `step`, after its look and its checkpoint; one that goes to its end is let go."""

    def __init__(self, step: int, selected_by: str) -> None:
        self.step = step
        self.selected_by = selected_by
        self.best = math.nan

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """One that was cut off when its checkpoint was written, and before that was told, is there already."""
        self._stop_if_there(state)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Look whether it is there."""
        self._stop_if_there(state)

    def _stop_if_there(self, state: TrainerState) -> None:
        if self.step <= state.global_step < state.max_steps:
            self.best = math.nan if state.best_metric is None else float(state.best_metric)
            raise Reached


def best_look(facts: TrainingFacts, selected_by: str) -> float:
    """The best of what validation said in a training."""
    looks = [point.validation[selected_by] for point in facts.history if point.validation is not None]
    return (min if selected_by == LOSS else max)(looks)
