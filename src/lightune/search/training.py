"""Trials trained in one process: one base, one set of tokens, one cache of a frozen trunk for all that share it."""

from __future__ import annotations

import gc
import json
import math
import shutil
import time
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from lightune.arms.adapter import AdapterArm
from lightune.arms.base import ArmContext
from lightune.arms.fitted_model import load_base
from lightune.arms.frozen_trunk import FrozenTrunk
from lightune.arms.trained_model import Lesson, prepare, teach
from lightune.catalogue import METHODS
from lightune.config import StudyConfig
from lightune.disk import disk_fault
from lightune.errors import Diverged, LightuneError, MachineError
from lightune.models import put_back
from lightune.records import Rows, TrainingFacts
from lightune.search.halving import rungs_of
from lightune.search.space import RATE, applied
from lightune.search.spec import Facts, Outcome, Work
from lightune.search.trial import Value
from lightune.training import LORA_RATES
from lightune.whole import write_whole

LOSS = "loss"
# How long the process of an earlier try may take to go: one that is cut off from its cluster needs a minute to notice,
# and a shared file system one and a half to give back its lock.
ORPHAN_SECONDS = 180.0


class Trainings:
    """Trains trials of methods that leave the base's own weights alone, up to their rungs.

    context: of the search; its spec is the method of trials that name none, its scratch where trials keep their
    checkpoints. It is given the training and validation rows and knows no others.
    """

    def __init__(self, context: ArmContext, train: Rows, validation: Rows, pruned: bool) -> None:
        self.context = context
        self.base, encoder = load_base(context)
        rates = [(width, rate * METHODS[context.spec].rate) for width, rate in LORA_RATES]
        self.lesson = prepare(context, self.base, encoder, rates, train, validation)
        recipe = self.lesson.recipe
        self.facts = Facts(recipe.learning_rate, rungs_of(recipe.steps, pruned), recipe.select_by)
        # By method, since some need other layers, and by how many blocks it is put on.
        self._trunks: dict[tuple[str, int | None], FrozenTrunk | None] = {}

    def attempt(self, work: Work) -> Outcome:
        """Do the work; what goes wrong with this trial alone, as memory that is not there, is told in what came of it.
        Raises MachineError for a disk that takes no more, and where another process is at the trial."""
        start = time.perf_counter()
        scratch = self.context.scratch
        lock = scratch / f"{work.number}.lock"
        try:
            with FileLock(lock, timeout=ORPHAN_SECONDS):
                score = self.train(work.number, work.values, work.rung)
            return Outcome(work.number, score, time.perf_counter() - start)
        except Timeout as error:
            raise MachineError(
                f"Trial {work.number}: a process of an earlier search is still at it: it has held {lock} for "
                f"{ORPHAN_SECONDS:.0f} s. End it, and give the same command again."
            ) from error
        except MachineError:
            raise
        except LightuneError as error:
            reason = str(error)
        except Exception as error:
            full = disk_fault(error, scratch)
            if full is not None:
                raise MachineError(full) from error
            # Whatever a method or a library raises is the trial's end, not the search's: it is kept with its kind.
            traceback.print_exc()
            reason = f"{type(error).__name__}: {error}"
        # Out here the error, and with it all that its frames held, is gone.
        gc.collect()
        return Outcome(work.number, None, time.perf_counter() - start, reason)

    def train(self, number: int, values: Mapping[str, Value], rung: int) -> float:
        """Train a trial up to `rung`, from where it was left. Returns the best look up to there, NaN where it
        diverged."""
        folder = self._own_folder(number, values)
        config = applied(self.context.config, values)
        method = config.arms[0]
        arm = AdapterArm(replace(self.context, config=config, spec=method))
        shared = (method, config.training.top_blocks)
        arm.trunk = self._trunks.get(shared)
        goal = Goal(self.facts.rungs[rung], self.facts.selected_by)
        lesson = self._lesson(values, config)
        with put_back(self.base.model):
            model = arm.adapted(self.base, lesson)
            self._trunks[shared] = arm.trunk
            try:
                demands, progress = arm.demands(model), self.context.progress
                trained = teach(arm.context, self.base, model, lesson, folder, progress, demands, arm.trunk, (goal,))
                return best_look(trained.facts, self.facts.selected_by)
            except Reached:
                return goal.best
            except Diverged:
                return math.nan

    def _lesson(self, values: Mapping[str, Value], config: StudyConfig) -> Lesson:
        """The whole training, looked at as often as the first rung is long, and ended by nobody."""
        usual, rungs = self.lesson.recipe, self.facts.rungs
        own = METHODS[config.arms[0]].rate / METHODS[self.context.spec].rate
        rate = config.training.learning_rate or usual.learning_rate * own
        recipe = replace(
            usual,
            learning_rate=float(values.get(RATE, rate)),
            head_rate=config.training.head_rate,
            top_blocks=config.training.top_blocks,
            evaluate_every=rungs[0] if len(rungs) > 1 else usual.evaluate_every,
            patience=0,
        )
        return replace(self.lesson, recipe=recipe)

    def _own_folder(self, number: int, values: Mapping[str, Value]) -> Path:
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
