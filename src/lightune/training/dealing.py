"""Rows shared out to the processes of a training, so that each has about as much to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Lengths = NDArray[np.int64]
# Lengths of some rows -> batches of their places.
Cut = Callable[[Lengths], list[list[int]]]


@dataclass(frozen=True)
class Share:
    """What one process computes of some rows. batches: of row numbers. fillers: how many more batches it computes that
    count for nothing, so that each process computes as many: what they do together would wait for ever otherwise."""

    batches: list[list[int]]
    fillers: int

    @property
    def rows(self) -> list[int]:
        """The row numbers in the order they are computed in, each once."""
        return [row for batch in self.batches for row in batch]


def share(lengths: Lengths, cut: Cut, rank: int, size: int) -> Share:
    """The part of `rank` among `size` processes of rows of these `lengths`. Each process finds the same for each."""
    shares = [[[own[at] for at in batch] for batch in cut(lengths[own])] if own else [] for own in deal(lengths, size)]
    return Share(shares[rank], max(len(batches) for batches in shares) - len(shares[rank]))


def deal(lengths: Lengths, size: int) -> list[list[int]]:
    """Row numbers for each of `size` processes, each row once: the longest that is left goes to the one with the fewest
    tokens, the first of several (Graham 1969's rule for even loads)."""
    if size == 1:
        return [list(range(len(lengths)))]
    hands: list[list[int]] = [[] for _ in range(size)]
    loads = [0] * size
    for row in np.argsort(-lengths, kind="stable").tolist():
        at = loads.index(min(loads))
        hands[at].append(row)
        loads[at] += int(lengths[row])
    return hands
