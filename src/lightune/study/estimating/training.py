"""From a rehearsed training to what a training of the study will take."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lightune.arms.rate_search import VALIDATION_ROWS, rate_trials, trial_steps
from lightune.records import Splits
from lightune.study.estimating.rehearsal import LOOK, STEP, TRUNK, Mark
from lightune.study.estimating.speed import fit_speed
from lightune.study.estimating.work import (
    Lengths,
    Work,
    answering_work,
    looks,
    new_shapes,
    training_work,
    width,
    work_of,
)

if TYPE_CHECKING:
    from lightune.study.estimating.costs import Told
    from lightune.training import Recipe

# oneDNN keeps what it needs for each of the last 1,024 products that differ in size or kind: of so many sizes of a
# micro-batch, with six of them each, up to which resident memory grew in a long training.
SIZES = 170


class Training:
    """A rehearsed training: the speed of its steps, what a look and a checkpoint cost, and what comes once."""

    def __init__(self, told: Told) -> None:
        self.told = told
        assert told.plan is not None
        self.plan = told.plan
        self.answering = told.answer_speed()
        self.done = self._steps()
        self.marks = marks = tuple(mark for mark in told.last.marks if mark.kind in (STEP, LOOK))
        # (the mark before, the mark, number of the step that it belongs to)
        numbers = np.cumsum([mark.kind == STEP for mark in marks]) - 1
        pairs = [
            (before, mark, int(number)) for before, mark, number in zip(marks, marks[1:], numbers[1:], strict=False)
        ]
        # A rehearsed step has one micro-batch: what each of the two takes beside its tokens cannot be told apart. It is
        # counted for the micro-batch, since a forward and a backward pass take more of it than an optimizer does.
        steps = [
            (replace(self.done[number], calls=0), mark.at - before.at)
            for before, mark, number in pairs
            if _are(before, mark, STEP, STEP)
        ]
        self.speed = fit_speed(steps)
        viewed = [mark.at - before.at for before, mark, _ in pairs if _are(before, mark, STEP, LOOK)]
        saved = [
            mark.at - before.at - self.speed.seconds(self.done[number])
            for before, mark, number in pairs
            if _are(before, mark, LOOK, STEP)
        ]
        # What a look takes beside its passes, or else how much sooner these go than a prediction's: weights are laid
        # out in a training. The first look meets everything for the first time.
        passes = self._forward(self._rehearsed_lengths())
        self.look = max(min(viewed) - passes, 0.0)
        self.pace = min(min(viewed) / passes, 1.0) if passes > 0 else 1.0
        self.save = max(statistics.median(saved), 0.0) if saved else 0.0
        self.first_look = sum(viewed) - len(viewed) * min(viewed)
        self.once = self._once(marks[0].at, marks[-1].at)

    def seconds(self, splits: Splits, seed: int) -> float:
        """Of the training with its trials, to its last step."""
        train, validation = (self.told.reading.lengths(rows) for rows in (splits.train, splits.validation))
        recipe = self._recipe(len(train))
        encoding = self.told.reading.second_per_token * int(train.sum() + validation.sum())
        training = self._training(train, validation, recipe, seed)
        trials = self._trials(train, validation, recipe, seed)
        return encoding + self.first_look + self._trunk(train) + self._trunk(validation) + training + trials

    def peak_bytes(self, splits: Splits, seed: int) -> int:
        """Of the rehearsed peak, and what a larger micro-batch than the rehearsed ones adds."""
        train = self.told.reading.lengths(splits.train)
        largest = training_work(train, self._recipe(len(train)), self.plan, seed).largest
        seen = max(work.largest for work in self.done)
        beside = self.told.seen.answers[0].held + self.told.last.layouts  # which do not grow with a batch
        each = max(self.told.last.peak - beside, 0) / max(seen, 1)
        peak = int(self.told.last.peak + each * (largest - seen if largest > seen else 0))
        return peak + self._kept_by_products(train, seed)

    def _kept_by_products(self, train: Lengths, seed: int) -> int:
        """What the matrix products' library will have kept beyond what it kept in the rehearsal."""
        if not self.plan.onednn:
            return 0
        # To the first look, which has sizes of its own.
        marks = self.marks
        first = next((at for at, mark in enumerate(marks) if mark.kind == LOOK), len(marks))
        held = [mark.held for mark in marks[:first]]
        before, *widths = (width(work.tokens, self.plan.packed) for work in self.done[:first])
        met = set(widths) - {before}
        each = max(max(held) - held[0], 0) / max(sum(met), 1)
        to_come = new_shapes(train, self._recipe(len(train)), self.plan, seed, SIZES)
        return int(each * max(to_come - sum(met) - before, 0))

    def _training(self, train: Lengths, validation: Lengths, recipe: Recipe, seed: int) -> float:
        count = looks(recipe)
        steps = self.speed.seconds(training_work(train, recipe, self.plan, seed))
        return self.once + steps + count * (self.look + self.pace * self._forward(validation)) + (count - 1) * self.save

    def _trials(self, train: Lengths, validation: Lengths, recipe: Recipe, seed: int) -> float:
        count = rate_trials(self.told.config) if self.told.asked.spec.arm != "full" else 0
        if not count:
            return 0.0
        steps = trial_steps(recipe.steps)
        trial = replace(recipe, steps=steps, evaluate_every=steps)
        return count * self._training(train, validation[:VALIDATION_ROWS], trial, seed)

    def _recipe(self, rows: int) -> Recipe:
        from lightune.training import resolve_recipe

        return resolve_recipe(self.told.config.training, rows, self.told.reading.width)

    def _steps(self) -> list[Work]:
        from lightune.training import micro_batches

        asked = self.told.asked
        assert asked.steps is not None
        lengths = self.told.reading.lengths(asked.seen.train)
        own = [lengths[list(step)] for step in asked.steps.steps]
        return [work_of(one, micro_batches(self.plan, one, asked.steps.size), self.plan.packed) for one in own]

    def _rehearsed_lengths(self) -> Lengths:
        _, validation = self.told.asked.spec.fits[-1]
        return self.told.reading.lengths(self.told.asked.seen.validation)[list(validation)]

    def _forward(self, lengths: Lengths) -> float:
        """Of passes over tokens that are there already, in a call that is counted elsewhere."""
        from lightune.compute import Layout

        work = answering_work(lengths, Layout(self.plan.packed))
        encoding = self.told.reading.second_per_token * int(lengths.sum())
        return max(self.answering.seconds(work) - self.answering.call * work.calls - encoding, 0.0)

    def _trunk(self, lengths: Lengths) -> float:
        """Of the passes through the blocks below the top ones, whose states are kept; 0 where none are."""
        top, blocks = self.told.config.training.top_blocks, self.told.reading.blocks
        if top is None or not any(mark.kind == TRUNK for mark in self.told.last.marks):
            return 0.0
        return self._forward(lengths) * (1 - top / blocks)

    def _once(self, first: float, last: float) -> float:
        """What stands before the first step and after the last look, and the first step's warming up."""
        asked = self.told.asked
        rows = list(asked.spec.fits[-1][0])
        own = self.told.reading.lengths(asked.seen.train)
        lengths, once = own[rows], own[sorted(set(rows))]  # a row that comes twice has its states from the first time
        validation = self._rehearsed_lengths()
        encoding = self.told.reading.second_per_token * int(lengths.sum() + validation.sum())
        counted = encoding + self._trunk(once) + self._trunk(validation) + self.speed.seconds(self.done[0])
        return max(self.told.last.seconds - (last - first) - counted, 0.0)


def _are(before: Mark, mark: Mark, one: str, other: str) -> bool:
    return before.kind == one and mark.kind == other
