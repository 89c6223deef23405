"""From what a rehearsal took to what the runs will take."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lightune.arms import arm_kind
from lightune.arms.rate_search import VALIDATION_ROWS, rate_trials, trial_steps
from lightune.config import StudyConfig
from lightune.records import Plan, Rows, Splits
from lightune.study.estimating.asking import FEATURES, READY, ROWS, TRAINED, Asked
from lightune.study.estimating.reading import Reading, characters
from lightune.study.estimating.rehearsal import FEATURES as FEATURE
from lightune.study.estimating.rehearsal import LOOK, STEP, FitSeen, Rehearsal
from lightune.study.estimating.speed import Growth, Speed, fit_speed
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
    from lightune.training import Recipe

# oneDNN keeps what it needs for a product of each size it has met, up to a number of products: of so many sizes of a
# micro-batch, as resident memory grew in trainings of four to six blocks.
SIZES = 50
# Of a row of tokens, beside four bytes a token: what numpy and Python keep about an array.
ROW_BYTES, TOKEN_BYTES = 160, 4


@dataclass(frozen=True)
class Told:
    """What a rehearsal told of an arm: how fast it answers, and what the fitting and answering of rows will take."""

    config: StudyConfig
    reading: Reading
    asked: Asked
    seen: Rehearsal

    @property
    def last(self) -> FitSeen:
        """The larger fitting."""
        return self.seen.fits[-1]

    @property
    def plan(self) -> Plan | None:
        """How the training was computed; None for what is not trained."""
        return self.last.plan

    def work(self, rows: Rows) -> Work:
        """Of answering for `rows`."""
        from lightune.compute import Layout

        if not arm_kind(self.asked.spec.arm).needs_model:
            return Work(calls=1, tokens=int(characters(rows).sum()))
        return answering_work(self.reading.lengths(rows), Layout(self.plan is None or self.plan.packed))

    def answer_speed(self) -> Speed:
        """Of predictions, encoding included; the first one warmed up."""
        test = self.asked.seen.test
        done = [
            (self.work(test.take(np.asarray(rows))), answer.seconds)
            for rows, answer in zip(self.asked.spec.answers, self.seen.answers, strict=True)
        ]
        return fit_speed(done[1:] if any(seconds > 0 for _, seconds in done[1:]) else [(Work(calls=1), 1e-6)])

    def fit_seconds(self, splits: Splits, seed: int) -> float:
        """Of fitting on `splits` as a run with `seed` sees them, as its cost counts them."""
        if self.asked.kind == TRAINED:
            return Training(self).seconds(splits, seed)
        if self.asked.kind == READY:
            return self.last.seconds
        if self.asked.kind == FEATURES:
            speed = self.answer_speed()
            read = sum(speed.seconds(self.work(rows)) for rows in (splits.train, splits.validation))
            return self._first_time() + read + self._growth(_regression).at(len(splits.train))
        return self._first_time() + self._growth(lambda fit: fit.seconds).at(len(splits.train))

    def _first_time(self) -> float:
        """What a process's first fitting takes beyond its second one of the same rows: libraries are loaded then."""
        return max(self.seen.fits[0].seconds - self.seen.fits[1].seconds, 0.0)

    def _growth(self, cost: Callable[[FitSeen], float]) -> Growth:
        small, large = (
            (len(train), cost(fit))
            for (train, _), fit in zip(self.asked.spec.fits[1:], self.seen.fits[1:], strict=True)
        )
        return Growth(small, large)

    def peak_bytes(self, splits: Splits, seed: int) -> int:
        """The largest resident memory of such a run until its cost is taken down."""
        rows = (splits.train, splits.validation)
        if self.asked.kind == TRAINED:
            peak = Training(self).peak_bytes(splits, seed)
        elif self.asked.kind == ROWS:
            peak = self._grown_peak(len(splits.train))
        else:
            peak = self.last.peak
        kept = 0
        if arm_kind(self.asked.spec.arm).needs_model:
            kept = sum(TOKEN_BYTES * int(self.reading.lengths(one).sum()) + ROW_BYTES * len(one) for one in rows)
        return kept + max(peak, self._answering_peak(splits))

    def _grown_peak(self, rows: int) -> int:
        """In proportion to the rows beyond the larger fitting, and so too much rather than too little: words that were
        seen before take no more room."""
        peaks = [fit.peak for fit in self.seen.fits[1:]]
        (small, _), (large, _) = self.asked.spec.fits[1:]
        if len(large) <= len(small):
            return peaks[-1]
        each = (peaks[1] - peaks[0]) / (len(large) - len(small))
        return int(peaks[1] + max(each, 0.0) * max(rows - len(large), 0))

    def _answering_peak(self, splits: Splits) -> int:
        """Of the largest batch of a prediction: what a token adds is seen between two that were rehearsed."""
        test = self.asked.seen.test
        largest = [self.work(test.take(np.asarray(rows))).largest for rows in self.asked.spec.answers]
        above = [answer.peak - answer.held for answer in self.seen.answers]
        held = self.seen.answers[-1].held + self._layouts(splits)
        most = max(self.work(rows).largest for rows in (splits.test, splits.validation, *splits.extra.values()))
        if largest[-1] <= largest[2]:
            return held + max(above)
        each = max((above[-1] - above[2]) / (largest[-1] - largest[2]), 0.0)
        return int(held + max(above) + each * max(most - largest[-1], 0))

    def _layouts(self, splits: Splits) -> int:
        """What passes over many tokens take for weights in another layout; the rehearsed ones had few."""
        from lightune.compute import LAID_OUT_FROM

        if not self.seen.layouts:
            return 0
        read = [splits.test, splits.validation, *splits.extra.values()]
        read += [splits.train] if self.asked.kind == FEATURES else []
        most = max(int(self.reading.lengths(rows).sum()) for rows in read)
        return self.seen.layouts if most >= LAID_OUT_FROM else 0


def _regression(fit: FitSeen) -> float:
    """Seconds of a probe's fitting after its features were there."""
    features = [mark.at for mark in fit.marks if mark.kind == FEATURE]
    steps = [mark.at for mark in fit.marks if mark.kind == STEP]
    return steps[-1] - features[-1] if features and steps else 0.0


class Training:
    """A rehearsed training: the speed of its steps, what a look and a checkpoint cost, and what comes once."""

    def __init__(self, told: Told) -> None:
        self.told = told
        assert told.plan is not None
        self.plan = told.plan
        self.answering = told.answer_speed()
        self.done = self._steps()
        marks = told.last.marks
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
        return encoding + self.first_look + training + self._trials(train, validation, recipe, seed)

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
        marks = self.told.last.marks
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

    def _once(self, first: float, last: float) -> float:
        """What stands before the first step and after the last look, and the first step's warming up."""
        asked = self.told.asked
        lengths = self.told.reading.lengths(asked.seen.train)[list(asked.spec.fits[-1][0])]
        encoding = self.told.reading.second_per_token * int(lengths.sum() + self._rehearsed_lengths().sum())
        whole = self.told.last.seconds - (last - first) - self.speed.seconds(self.done[0]) - encoding
        return max(whole, 0.0)


def _are(before: object, mark: object, one: str, other: str) -> bool:
    return getattr(before, "kind", None) == one and getattr(mark, "kind", None) == other
