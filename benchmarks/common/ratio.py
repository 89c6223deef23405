"""How many times faster, turn by turn: the two sides of a ratio were measured right after one another."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """The median of the turns' ratios, with the smallest and the largest of them as its spread, and all of them."""

    median: float
    low: float
    high: float
    each: tuple[float, ...]

    def __str__(self) -> str:
        return f"{shown(self.median)} ({shown(self.low)} to {shown(self.high)})"


def shown(ratio: float) -> str:
    """Two places after the point, and two digits at least of what is small."""
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """theirs / ours, turn by turn: above 1 where ours took less. Raises ValueError unless each turn has both."""
    if len(ours) != len(theirs) or not ours:
        raise ValueError(f"as many turns on both sides are expected, at least one; got {len(ours)} and {len(theirs)}.")
    if min(*ours, *theirs) <= 0:
        raise ValueError("a ratio of positive numbers is expected, and one of them is not.")
    each = tuple(b / a for a, b in zip(ours, theirs, strict=True))
    return Ratio(statistics.median(each), min(each), max(each), each)
