"""What comes after a run's costs are taken down: its artefact saved, certified, and asked by the behaviour checks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lightune.arms import arm_kind
from lightune.records import Splits
from lightune.study.estimating.costs import Told
from lightune.study.estimating.work import Work

# How often a certificate has its rows answered for: in memory, loaded, alone, padded on either side, merged, in new
# processes and by stock libraries. Some arms have fewer of these lines.
PASSES = 10
# How often it loads the model, at most.
LOADS = 4
ROWS = 64


def certificate_seconds(told: Told, splits: Splits, loading: float) -> float:
    """About how long saving and certifying take: answers for ROWS of the test rows, and models loaded again.

    It waits for a process that loads the libraries anew, as the rehearsal's did.
    """
    waits = told.seen.startup
    if not arm_kind(told.asked.spec.arm).needs_model:
        return waits
    rows = np.linspace(0, len(splits.test) - 1, num=min(ROWS, len(splits.test)), dtype=np.int64)
    once = told.answer_speed().seconds(told.work(splits.test.take(rows)))
    return waits + PASSES * once + LOADS * loading


def questions_seconds(told: Told, texts: Sequence[str]) -> float:
    """Of answering for `texts` with a loaded artefact. A text has as many tokens for its characters as test rows."""
    test = told.asked.seen.test
    characters = sum(len(text) + 1 for text in texts)
    own = sum(len(text) + 1 for text in test.texts)
    work = told.work(test)
    share = characters / max(own, 1)
    scaled = Work(1, max(round(work.batches * share), 1), round(work.tokens * share), round(work.squares * share))
    return told.answer_speed().seconds(scaled) + max(told.last.wall - told.last.seconds, 0.0)
