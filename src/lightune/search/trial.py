"""What a search consists of: its trials, how far each came, and what validation said there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

# A trial that is to go on, or may; one that is being trained; and how each ends: trained in full, passed over, failed.
WAITING, RUNNING, COMPLETE, PRUNED, FAILED = "waiting", "running", "complete", "pruned", "failed"

Value = float | int | str


@dataclass(frozen=True)
class Trial:
    """One set of values. scores: what validation said at each rung that it came to, the best look up to there; NaN
    where it diverged. seconds: what its training took so far. state: one of the five above. reason: why it failed, or
    was tried again. tries: how many processes have died at it."""

    number: int
    values: Mapping[str, Value]
    scores: tuple[float, ...] = ()
    seconds: float = 0.0
    state: str = WAITING
    reason: str | None = None
    tries: int = 0

    @property
    def diverged(self) -> bool:
        """Whether it ended in numbers that are not finite."""
        return bool(self.scores) and not math.isfinite(self.scores[-1])


@dataclass(frozen=True)
class Searched:
    """A search as far as it is done. fingerprint: of all that it depends on. rungs: steps at which trials are compared,
    the last one all of them. selected_by: the metric on validation. space: what is searched over, in words. spent:
    seconds that all calls together took up to the last rung that a trial came to. within: the minutes that ended it
    while there was more to do; None where none have."""

    fingerprint: str
    selected_by: str
    rungs: tuple[int, ...]
    trials: tuple[Trial, ...] = ()
    space: str = ""
    spent: float = 0.0
    within: float | None = None

    @property
    def lower(self) -> bool:
        """Whether less of the metric is better."""
        return self.selected_by == "loss"

    def with_trial(self, trial: Trial) -> Searched:
        """The same with `trial` in the place of the one of its number, or as the next one."""
        trials = (*self.trials[: trial.number], trial, *self.trials[trial.number + 1 :])
        return replace(self, trials=trials)


def ranked(trials: Sequence[Trial], rung: int, lower: bool) -> list[Trial]:
    """The trials that came to `rung`, the best one there first, without those that diverged on it. lower: whether less
    is better. Of two alike the earlier one is first."""
    there = [trial for trial in trials if len(trial.scores) > rung and math.isfinite(trial.scores[rung])]
    return sorted(there, key=lambda trial: (trial.scores[rung] if lower else -trial.scores[rung], trial.number))
