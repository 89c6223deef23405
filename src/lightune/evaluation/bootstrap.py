"""Rows drawn with replacement, as counts of how often each was drawn (Efron & Tibshirani 1993, chapter 6).

Resamples come in chunks, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lightune.evaluation.counts import Floats

# Counts in a chunk: 2 MB, which stays in a core's cache from one step to the next.
CHUNK = 250_000


def row_resamples(generator: np.random.Generator, rows: int, resamples: int) -> Iterator[Floats]:
    """Yield chunks [b, rows], b summing to `resamples`: how often each row was drawn; each line sums to `rows`."""
    for size in _chunks(rows, resamples):
        drawn = generator.integers(0, rows, size=(size, rows))
        drawn += np.arange(size)[:, None] * rows
        yield np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)


def cell_resamples(generator: np.random.Generator, counts: NDArray[np.int64], resamples: int) -> Iterator[Floats]:
    """Yield chunks [b, m], b summing to `resamples`, of the sizes that m groups of alike rows have among drawn rows.

    counts: [m], the groups' sizes. Drawing n rows with replacement and counting them by group is one multinomial draw
    with the groups' shares: the same distribution as `row_resamples`, at a cost of m instead of n.
    """
    rows = int(counts.sum())
    for size in _chunks(len(counts), resamples):
        yield generator.multinomial(rows, counts / rows, size=size).astype(np.float64)


def check_resamples(resamples: int) -> None:
    """Raise ValueError unless there is at least one resample."""
    if resamples < 1:
        raise ValueError(f"resamples: at least 1 is expected, got {resamples}.")


def _chunks(width: int, resamples: int) -> Iterator[int]:
    size = max(1, CHUNK // width)
    for done in range(0, resamples, size):
        yield min(size, resamples - done)
