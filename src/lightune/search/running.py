"""The trials of a search one after the other, or several at once, each kept as it comes to a rung."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from typing import Any

from lightune.errors import MachineError
from lightune.search.budget import Budget
from lightune.search.crew import Crew
from lightune.search.halving import Job
from lightune.search.sampling import distributions, propose
from lightune.search.space import Space
from lightune.search.spec import Outcome, Work
from lightune.search.store import TrialStore
from lightune.search.trial import COMPLETE, FAILED, PRUNED, RUNNING, WAITING, Searched, Trial, Value

OnTrial = Callable[[Trial, Searched], None]
# So many processes may die at a trial before it is taken to be what they die of.
MOST_TRIES = 3
DIVERGED = "the training diverged"


def recovered(store: TrialStore, searched: Searched, numbers: Container[int] | None = None) -> Searched:
    """The search with no trial at work: what a process that is gone was at is to be done again. numbers: of these
    trials alone."""
    for trial in searched.trials:
        if trial.state == RUNNING and (numbers is None or trial.number in numbers):
            trial = _left(trial, searched)
            store.left(trial)
            searched = searched.with_trial(trial)
    return searched


def ended(store: TrialStore, searched: Searched, spent: float, within: float | None) -> Searched:
    """The search with no trial that might go on. within: as in `Searched`."""
    # First: without the trials that might go on it cannot be known any more what ended it.
    if within is not None and within != searched.within:
        store.within(within)
        searched = replace(searched, within=within)
    for trial in searched.trials:
        if trial.state == WAITING:
            trial = replace(trial, state=PRUNED)
            store.left(trial)
            searched = searched.with_trial(trial)
    if spent > searched.spent:
        store.spent(spent)
        searched = replace(searched, spent=spent)
    return searched


class Run:
    """Does what is not done yet of a search. space: what is drawn from; seed: of the draws; method: of the trials where
    none is drawn."""

    def __init__(self, store: TrialStore, searched: Searched, space: Space, budget: Budget, seed: int, method: str):
        self.store = store
        self.searched = searched
        self.space = space
        self.budget = budget
        self.seed = seed
        self.method = method
        self._start = time.monotonic() - searched.spent

    def with_crew(self, crew: Crew, on_trial: OnTrial | None) -> Searched:
        """Have `crew` train until the search is done; one that is cut off leaves no trial RUNNING."""
        at_work: set[int] = set()
        try:
            while True:
                while len(at_work) < crew.size and (job := self.budget.next(self.searched, self._spent)) is not None:
                    at_work.add(job.number)  # first: a signal may come as soon as the trial is kept
                    try:
                        trial = self._begun(job)
                    except MachineError:
                        at_work.discard(job.number)  # it is another process's
                        raise
                    crew.train(Work(trial.number, trial.values, job.rung))
                if not at_work and self.budget.next(self.searched, self._spent) is None:
                    return ended(self.store, self.searched, self._spent, self.budget.within(self.searched))
                outcome = crew.ended()
                if outcome is None:
                    continue
                trial = self._kept(outcome)
                at_work.discard(outcome.number)
                if on_trial is not None:
                    on_trial(trial, self.searched)
        finally:
            # As they are kept: what was cut off may be known here alone, or there alone.
            if at_work and (kept := self.store.read()) is not None:
                recovered(self.store, kept, at_work)

    @property
    def _spent(self) -> float:
        return time.monotonic() - self._start

    def _begun(self, job: Job) -> Trial:
        if job.number < len(self.searched.trials):
            self.store.claim(job.number)
            trial = replace(self.searched.trials[job.number], state=RUNNING)
        else:
            values = propose(self.space, self.searched, self.seed, self.method)
            trial = self.store.begun(job.number, values, self._distributions(values))
        self.searched = self.searched.with_trial(trial)
        return trial

    def _distributions(self, values: Mapping[str, Value]) -> dict[str, Any]:
        return distributions(self.space, values, self.method)

    def _kept(self, outcome: Outcome) -> Trial:
        trial = self.searched.trials[outcome.number]
        trial = replace(trial, seconds=trial.seconds + outcome.seconds)
        if outcome.score is not None:
            trial = _left(replace(trial, scores=(*trial.scores, outcome.score), reason=None), self.searched)
        elif outcome.died:
            tries = trial.tries + 1
            state = FAILED if tries >= MOST_TRIES else WAITING
            died = f"{tries} processes" if tries > 1 else "a process"
            trial = replace(trial, tries=tries, state=state, reason=f"{died} died at it: {outcome.reason}")
        else:
            trial = replace(trial, state=FAILED, reason=outcome.reason)
        spent = self._spent
        self.store.scored(trial, self.searched.rungs, spent)
        self.searched = replace(self.searched.with_trial(trial), spent=spent)
        return trial


def _left(trial: Trial, searched: Searched) -> Trial:
    """A trial that nobody is at, in the state that its scores say."""
    if trial.scores and not math.isfinite(trial.scores[-1]):
        return replace(trial, state=FAILED, reason=DIVERGED)
    return replace(trial, state=COMPLETE if len(trial.scores) == len(searched.rungs) else WAITING)
