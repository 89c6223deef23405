"""What comes after a run's costs are taken down: its artefact saved, certified, and asked by the behaviour checks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lightune.arms import arm_kind
from lightune.records import Splits
from lightune.study.estimating.costs import Told
from lightune.study.estimating.work import Work

# How often a certificate has its rows answered for: in batches, by what is in memory, loaded, merged, in a new process,
# and padded on either side; as long as the longest row, on either side; each alone, by what is loaded and by stock
# libraries, beside the adapter and merged. Some arms have fewer of these lines.
IN_BATCHES, LONG, ALONE = 6, 2, 3
# How often it loads the model, at most: from disk, to merge it, in a new process, and twice by stock libraries.
LOADS = 5
ROWS = 64


def certificate_seconds(told: Told, splits: Splits, loading: float) -> float:
    """About how long saving and certifying take: answers for ROWS of the test rows, and models loaded again.

    It waits for a process that loads the libraries anew, as the rehearsal's did.
    """
    waits = told.seen.startup
    if not arm_kind(told.asked.spec.arm).needs_model:
        return waits
    chosen = np.linspace(0, len(splits.test) - 1, num=min(ROWS, len(splits.test)), dtype=np.int64)
    rows = splits.test.take(chosen)
    lengths = told.reading.lengths(rows)
    speed = told.answer_speed()
    return (
        waits
        + IN_BATCHES * speed.seconds(told.work(rows))
        + LONG * speed.seconds(_evenly(lengths.max(), len(rows)))
        + ALONE * sum(speed.seconds(_evenly(length, 1)) for length in lengths)
        + LOADS * loading
    )


def _evenly(length: int, rows: int) -> Work:
    """Of one batch of rows that are all of one length."""
    return Work(1, 1, int(rows * length), int(rows * length**2))


def questions_seconds(told: Told, texts: Sequence[str]) -> float:
    """Of answering for `texts` with a loaded artefact. A text has as many tokens for its characters as test rows."""
    test = told.asked.seen.test
    characters = sum(len(text) + 1 for text in texts)
    own = sum(len(text) + 1 for text in test.texts)
    work = told.work(test)
    share = characters / max(own, 1)
    scaled = Work(1, max(round(work.batches * share), 1), round(work.tokens * share), round(work.squares * share))
    return told.answer_speed().seconds(scaled) + max(told.last.wall - told.last.seconds, 0.0)
