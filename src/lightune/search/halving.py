"""Successive halving without waiting (Li et al. 2020, arXiv 1810.05934): which trial is trained on, or begun, next.

Each trial is trained to the first rung; of those on a rung the best third goes on to the next one, three times as far.
A trial that was passed over is not lost: it goes on when later ones turn out worse. What comes next follows from what
is done and what is being done alone, so a search that was cut off goes on as if nothing had been.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lightune.search.trial import RUNNING, WAITING, Trial, ranked

FACTOR = 3
RUNGS = 3


@dataclass(frozen=True)
class Job:
    """What is to be done next: train trial `number` up to `rung`; a number beyond the last trial is a new one."""

    number: int
    rung: int


def rungs_of(steps: int, pruned: bool) -> tuple[int, ...]:
    """Steps at which trials of a training of `steps` are compared: a ninth, a third, all; all alone unless `pruned`."""
    if not pruned:
        return (steps,)
    unit = math.ceil(steps / FACTOR ** (RUNGS - 1))
    return tuple(sorted({min(unit * FACTOR**rung, steps) for rung in range(RUNGS - 1)} | {steps}))


def next_job(trials: Sequence[Trial], count: int, rungs: int, lower: bool, hurry: bool = False) -> Job | None:
    """What to do next of a search of `count` trials; None when it is done, or until a trial that runs has come to its
    rung.

    A search is done when all trials are judged and at least one has come to the last rung, unless all failed. hurry:
    no trial is begun any more, and only the best goes on, up to the last rung.
    """
    if not hurry:
        job = _begun(trials) or _promoted(trials, rungs, lower)
        if job is not None:
            return job
        if len(trials) < count:
            return Job(len(trials), 0)
    if any(trial.state == RUNNING for trial in trials) or any(ranked(trials, rungs - 1, lower)):
        return None
    for rung in reversed(range(rungs - 1)):  # too few for a third of them to go on: the best one does
        for trial in ranked(trials, rung, lower):
            if _open(trial, rung + 1):
                return Job(trial.number, rung + 1)
    return _begun(trials) or (Job(0, 0) if not trials else None)


def best_trial(trials: Sequence[Trial], rungs: int, lower: bool) -> Trial | None:
    """The best of those that were trained in full; None where there is none."""
    return next(iter(ranked(trials, rungs - 1, lower)), None)


def _open(trial: Trial, rung: int) -> bool:
    """Whether the trial may be trained up to `rung` now."""
    return trial.state == WAITING and len(trial.scores) == rung


def _begun(trials: Sequence[Trial]) -> Job | None:
    """The first of those whose first training was cut off."""
    return next((Job(trial.number, 0) for trial in trials if _open(trial, 0)), None)


def _promoted(trials: Sequence[Trial], rungs: int, lower: bool) -> Job | None:
    """The best of those that are of the best third on a rung, the highest rung first."""
    for rung in reversed(range(rungs - 1)):
        reached = sum(len(trial.scores) > rung for trial in trials)
        for trial in ranked(trials, rung, lower)[: reached // FACTOR]:
            if _open(trial, rung + 1):
                return Job(trial.number, rung + 1)
    return None
