"""A training that stands still at the end of each turn's last step, and says how long the turn's steps took."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.common.serve import Session


class Stepping:
    """Hears of each optimizer step. The first `warm` steps are setup; after that every `steps` of them are a turn."""

    def __init__(self, session: Session, steps: int, warm: int) -> None:
        self.session = session
        self.steps = steps
        self.warm = warm
        self.done = 0
        self.start = time.perf_counter()
        self.first_seconds = 0.0

    def step(self, **facts: Any) -> None:
        """One optimizer step is done, its optimizer's update included."""
        self.done += 1
        now = time.perf_counter()
        if self.done == 1:
            self.first_seconds = now - self.start
        if self.done == self.warm:
            self.session.begin(warm_up_seconds=now - self.start, **facts)
            self.start = time.perf_counter()
        elif self.done > self.warm and (self.done - self.warm) % self.steps == 0:
            self.session.answer(now - self.start, **facts)
            self.start = time.perf_counter()
