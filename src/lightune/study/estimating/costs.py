"""From what a rehearsal took to what the runs will take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lightune.arms import arm_kind
from lightune.config import StudyConfig
from lightune.records import Plan, Rows, Splits
from lightune.study.estimating.asking import FEATURES, READY, ROWS, TRAINED, Asked
from lightune.study.estimating.reading import Reading, characters
from lightune.study.estimating.rehearsal import FEATURES as FEATURE
from lightune.study.estimating.rehearsal import STEP, FitSeen, Rehearsal
from lightune.study.estimating.speed import Growth, Speed, fit_speed
from lightune.study.estimating.training import Training
from lightune.study.estimating.work import Lengths, Work, answering_work

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
        if not arm_kind(self.asked.spec.arm).needs_model:
            return Work(calls=1, tokens=int(characters(rows).sum()))
        return self.work_of(self.reading.lengths(rows))

    def work_of(self, lengths: Lengths) -> Work:
        """Of answering for texts of so many tokens with the model."""
        from lightune.compute import Layout

        return answering_work(lengths, Layout(self.plan is None or self.plan.packed))

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
