"""How fast a machine does work, fitted to what a rehearsal took."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from lightune.study.estimating.work import Work

ROUNDS = 8
# Sizes of two rehearsals that tell a growth apart from noise.
APART = 1.5


@dataclass(frozen=True)
class Speed:
    """Seconds of a call, of a batch, of a token and of a squared length; none is below 0."""

    call: float
    batch: float
    token: float
    square: float

    def seconds(self, work: Work) -> float:
        """How long `work` takes."""
        return (
            self.call * work.calls + self.batch * work.batches + self.token * work.tokens + self.square * work.squares
        )


def fit_speed(done: Sequence[tuple[Work, float]]) -> Speed:
    """Fit seconds = a calls + b batches + c tokens + d squares to what was seen: (work, seconds) each.

    Non-negative least squares (Lawson & Hanson 1974) of relative errors, reweighted towards their least absolute
    values (Schlossmacher 1973), so that one pause of the machine does not count as its speed. Raises ValueError without
    anything seen.
    """
    from scipy.optimize import nnls

    seen = [(work, seconds) for work, seconds in done if seconds > 0]
    if not seen:
        raise ValueError("at least one piece of work that took time is expected")
    table = np.array([astuple(work)[:4] for work, _ in seen], dtype=np.float64)
    table /= np.array([[seconds] for _, seconds in seen])
    # Columns of like size: tokens squared are a million times the calls.
    scale = np.maximum(np.abs(table).max(axis=0), 1e-300)
    weights = np.ones(len(seen))
    found = np.zeros(4)
    for _ in range(ROUNDS):
        root = np.sqrt(weights)
        found, _ = nnls(table / scale * root[:, None], root)
        weights = 1 / np.maximum(np.abs(table / scale @ found - 1), 0.02)
    return Speed(*(found / scale).tolist())


@dataclass(frozen=True)
class Growth:
    """A cost that grows with a size as a power of it, by two sizes at which it was seen: (size, cost) each."""

    small: tuple[float, float]
    large: tuple[float, float]
    least: float = 0.5
    most: float = 1.2

    def at(self, size: float) -> float:
        """The cost at `size`. In proportion where the two sizes are too near each other to tell."""
        (x, y), (larger, cost) = self.small, self.large
        if larger <= 0 or cost <= 0:
            return 0.0
        power = 1.0
        if x > 0 and y > 0 and larger / x >= APART:
            power = min(max(math.log(cost / y) / math.log(larger / x), self.least), self.most)
        return float(cost * (size / larger) ** power)
