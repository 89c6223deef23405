"""What comes after a run's costs are taken down: its artefact saved, certified, and asked by the behaviour checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightune.arms import arm_kind
from lightune.catalogue import METHODS
from lightune.records import Splits
from lightune.study.estimating.costs import Told
from lightune.study.estimating.work import Lengths, Work, work_of

# Rows of a padded pass, as a certificate makes them, and how many rows of tokens it ends in a special one.
PADDED_ROWS, ENDED = 8, 8


@dataclass(frozen=True)
class Passes:
    """How often a certificate has its texts answered for. batches: as a prediction; padded: to the longest of a batch;
    long: to the longest of all; alone: each by itself; loads: models loaded for that."""

    batches: int
    padded: int
    long: int
    alone: int
    loads: int


def passes_of(arm: str, route: str | None) -> Passes:
    """Of this arm's certificate; of an arm that is no transformers classifier, those that every arm has. route: how
    stock libraries come to its answers, as an arm tells it. An adapter that turns out not to merge has fewer."""
    method = METHODS.get(arm)
    if method is None and arm not in ("pretrained", "full"):
        # By what is in memory, what is loaded here, and in a new process; and each text alone.
        return Passes(batches=3, padded=0, long=0, alone=1, loads=2)
    merges = method is not None and "merge" not in method.cannot
    exported = merges or arm == "full"
    stock = route == "adapter"
    return Passes(
        batches=3 + merges,
        padded=2,
        long=2,
        alone=1 + exported + stock,
        # A method is loaded to be merged also where it turns out that it cannot be.
        loads=2 + exported + stock + (method is not None),
    )


def certificate_seconds(told: Told, splits: Splits, loading: float) -> float:
    """About how long saving and certifying take: answers for some of the test rows, and models loaded again.

    It waits for a process that loads the libraries anew, as the rehearsal's did.
    """
    waits = told.seen.startup
    if not arm_kind(told.asked.spec.arm).needs_model:
        return waits
    lengths = checked_lengths(told, splits)
    passes = passes_of(told.asked.spec.arm, told.seen.route)
    speed = told.answer_speed()
    work = [
        *[told.work_of(lengths)] * passes.batches,
        *[_padded(lengths)] * passes.padded,
        *[_evenly(lengths.max(), len(lengths))] * passes.long,
        *[_evenly(length, 1) for length in lengths] * passes.alone,
    ]
    if passes.padded:
        # Rows that end in a special token: alone, together, and without it.
        ended = lengths[:ENDED]
        work += [_evenly(length, 1) for length in ended] + [_padded(ended)] * 2
    return waits + sum(speed.seconds(one) for one in work) + passes.loads * loading


def checked_lengths(told: Told, splits: Splits) -> Lengths:
    """About how many tokens each text of a certificate has: rows of the test split, an empty text, and one as long as
    the model reads where none of these is."""
    from lightune.certification import choose_rows

    own = told.reading.lengths(splits.test.take(np.asarray(choose_rows(splits.test))))
    limit = told.reading.limit
    return np.array([*own, 1, *([limit] if own.max() < limit else [])], dtype=np.int64)


def _padded(lengths: Lengths) -> Work:
    order = np.argsort(lengths, kind="stable")
    batches = [order[at : at + PADDED_ROWS].tolist() for at in range(0, len(order), PADDED_ROWS)]
    return work_of(lengths, batches, packed=False)


def _evenly(length: int, rows: int) -> Work:
    """Of `rows` rows that are all of one length."""
    return Work(1, -(-rows // PADDED_ROWS), int(rows * length), int(rows * length**2))


def questions_seconds(told: Told, texts: Sequence[str]) -> float:
    """Of answering for `texts` with a loaded artefact. A text has as many tokens for its characters as test rows."""
    test = told.asked.seen.test
    characters = sum(len(text) + 1 for text in texts)
    own = sum(len(text) + 1 for text in test.texts)
    work = told.work(test)
    share = characters / max(own, 1)
    scaled = Work(1, max(round(work.batches * share), 1), round(work.tokens * share), round(work.squares * share))
    return told.answer_speed().seconds(scaled) + max(told.last.wall - told.last.seconds, 0.0)
