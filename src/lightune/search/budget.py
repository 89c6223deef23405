"""When a search ends: after so many trials, or in time for its winner to be trained in full."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from lightune.errors import ConfigError
from lightune.search.halving import Job, next_job
from lightune.search.trial import Searched, Trial, ranked

TRIALS = 20


@dataclass(frozen=True)
class Budget:
    """trials: how many; None: as many as there is time for, TRIALS where that is open too. minutes: of all calls of the
    search together, with the winner's training in the study; None: as many as the trials take."""

    trials: int | None = None
    minutes: float | None = None

    def check(self) -> None:
        """Raise ConfigError for what is no budget."""
        if self.trials is not None and self.trials < 1:
            raise ConfigError(f"--trials: at least 1 is expected, got {self.trials}.")
        if self.minutes is not None and not 0 < self.minutes < float("inf"):
            raise ConfigError(f"--minutes: more than 0 is expected, got {self.minutes:g}.")

    @property
    def count(self) -> int:
        """Trials at most."""
        if self.trials is not None:
            return self.trials
        return TRIALS if self.minutes is None else sys.maxsize

    def next(self, searched: Searched, spent: float) -> Job | None:
        """`next_job` within this budget; None for a search that so many minutes have ended before. spent: seconds so
        far."""
        # A new trial may be shorter than what there was no time for, and is not to be begun for that.
        if self.minutes is not None and searched.within is not None and self.minutes <= searched.within:
            return None
        told = self._told(searched)
        job = next_job(*told)
        if job is None or self.minutes is None or not self._too_late(searched, job, spent):
            return job
        return next_job(*told, hurry=True)

    def within(self, searched: Searched) -> float | None:
        """The minutes that have ended a search for which `next` has nothing; None where its trials have."""
        if self.minutes is None or next_job(*self._told(searched)) is None:
            return searched.within
        return max(self.minutes, searched.within or 0.0)

    def _told(self, searched: Searched) -> tuple[Sequence[Trial], int, int, bool]:
        return searched.trials, self.count, len(searched.rungs), searched.lower

    def _too_late(self, searched: Searched, job: Job, spent: float) -> bool:
        """Whether after `job` there would be no time for what must follow: one trial's way to the last rung, and the
        winner's training in the study."""
        assert self.minutes is not None
        done = {trial.number: searched.rungs[len(trial.scores) - 1] for trial in searched.trials if trial.scores}
        seconds = sum(trial.seconds for trial in searched.trials if trial.scores)
        pace = seconds / sum(done.values()) if done else 0.0
        steps = searched.rungs[job.rung] - done.get(job.number, 0) + searched.rungs[-1]
        if not any(ranked(searched.trials, len(searched.rungs) - 1, searched.lower)):
            steps += searched.rungs[-1] - max(done.values(), default=0)
        return spent + pace * steps > 60 * self.minutes
