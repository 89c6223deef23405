"""Which rows are drawn: stratified, seeded, nested, the same on every machine.

A row's place in the draw comes from a hash of seed, purpose and row id, not from a random generator: it does not
depend on how the source is ordered or on a library's version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightune.errors import DataError
from lightune.records import Rows


@dataclass(frozen=True)
class CutSize:
    """How many rows a cut takes. asked: exactly so many; None: `share` of the rows, at most `most`.

    least: rows of each label at least, where there are enough. option: what a message calls the asked size.
    """

    asked: int | None
    share: float
    most: int | None
    least: int
    option: str

    def rows(self, rows: int, labels: int) -> int:
        """Rows to take of `rows` with so many different labels."""
        if self.asked is not None:
            return self.asked
        wanted = max(round(self.share * rows), self.least * labels, 1)
        return wanted if self.most is None else min(wanted, max(self.most, self.least * labels))


def draw(rows: Rows, size: int, seed: int, purpose: str = "train") -> Rows:
    """Return `size` of the rows, labels in proportion, in their own order.

    Of the same rows, a smaller draw with the same seed and purpose is part of a larger one. From one row for each
    label on every label is in. size: 0 to len(rows). Raises DataError when it is larger.
    """
    if size > len(rows):
        raise DataError(f"{size:,} rows were asked for, there are {len(rows):,}.")
    order, _ = _stratified(rows.labels, row_priorities(rows.row_ids, seed, purpose), least=1)
    return rows.take(np.sort(order[:size]))


def cut(rows: Rows, size: CutSize, seed: int, purpose: str, groups: Sequence[str] | None = None) -> tuple[Rows, Rows]:
    """Cut rows into what stays and what is taken; both keep their order. Every label stays represented.

    groups: rows that share a value (other than "") end up on the same side; rows beyond the asked size, of a group
    that was taken, are on neither. Raises DataError when so many rows cannot be taken.
    """
    wanted = size.rows(len(rows), len(np.unique(rows.labels)))
    priorities = row_priorities(rows.row_ids, seed, purpose)
    if groups is not None:
        return _cut_groups(rows, size, wanted, priorities, groups, seed, purpose)
    order, free = _stratified(rows.labels, priorities, size.least, halve=size.asked is None)
    order = order[free[order]]
    if size.asked is None:
        wanted = min(wanted, len(order))
    if wanted > len(order) or wanted == 0:
        raise _too_few(rows, size, len(order), purpose)
    taken = np.zeros(len(rows), dtype=bool)
    taken[order[:wanted]] = True
    return rows.take(np.flatnonzero(~taken)), rows.take(np.flatnonzero(taken))


def _too_few(rows: Rows, size: CutSize, free: int, purpose: str) -> DataError:
    if size.asked is None:
        return DataError(
            f"{len(rows):,} rows are too few to cut a {purpose} split from: at least two rows of a label are needed. "
            f"Add rows, or a {purpose} split."
        )
    return DataError(
        f"{size.option} {size.asked:,}: at most {free:,} of {len(rows):,} rows can be cut for {purpose}, since each "
        "label must stay in train."
    )


def row_priorities(ids: Sequence[str], seed: int, purpose: str) -> NDArray[np.uint64]:
    """Return a hash of seed, purpose and row id for each row, uint64 [n]: rows sorted by it are shuffled."""
    key = f"lightune/{seed}/{purpose}/".encode()
    digests = b"".join(hashlib.blake2b(key + name.encode(), digest_size=8).digest() for name in ids)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def group_numbers(groups: Sequence[str], priorities: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Number the groups from 0 by the priority of their first row: int64 [n]. A row without a group ("") is its own.

    So the numbers depend neither on the groups' names nor on the order of the rows.
    """
    names = [group or f"\x00{row}" for row, group in enumerate(groups)]
    _, codes = np.unique(np.asarray(names, dtype=object), return_inverse=True)
    first = np.full(codes.max(initial=-1) + 1, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(first, codes, priorities)
    place = np.empty(len(first), dtype=np.int64)
    place[np.argsort(first, kind="stable")] = np.arange(len(first))
    return place[codes]


def label_table(groups: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count how often each label is in each group: int64 [groups, labels]. groups, labels: int64 [n], from 0 on."""
    table = np.zeros((int(groups.max(initial=-1)) + 1, int(labels.max(initial=-1)) + 1), dtype=np.int64)
    np.add.at(table, (groups, labels), 1)
    return table


def _stratified(
    labels: NDArray[np.int64], priorities: NDArray[np.uint64], least: int, halve: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return an order of which any first n rows have the labels in proportion, and which rows may be taken at all.

    The i-th row of a label with c rows sorts by (i + 1/2) / c, which is Webster's apportionment; that never takes a
    row back as n grows. The first `least` rows of each label go before, so that rare labels are not left out. Not to
    be taken: the last row of each label, or with `halve` its last half.
    """
    keys = np.empty(len(labels), dtype=np.float64)
    counts = np.empty(len(labels), dtype=np.int64)
    free = np.ones(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        members = members[np.argsort(priorities[members], kind="stable")]
        count = len(members)
        rank = np.arange(count)
        keys[members] = np.where(rank < least, rank - float(least), (rank + 0.5) / count)
        counts[members] = count
        free[members[count - ((count + 1) // 2 if halve else 1) :]] = False
    order = np.lexsort((priorities, -counts, keys))
    return order.astype(np.int64), free


def _cut_groups(
    rows: Rows,
    size: CutSize,
    wanted: int,
    priorities: NDArray[np.uint64],
    groups: Sequence[str],
    seed: int,
    purpose: str,
) -> tuple[Rows, Rows]:
    numbers = group_numbers(groups, priorities)
    table = label_table(numbers, rows.labels)
    chosen = _choose_groups(table, wanted, exact=size.asked is not None)
    taken = chosen[numbers]
    if not taken.any() or (size.asked is not None and taken.sum() < wanted):
        raise DataError(
            f"A {purpose} split of {wanted:,} rows cannot be cut without splitting a group: {len(table):,} groups hold "
            f"{len(rows):,} rows, and each label must stay in train. Choose another --group-column or size."
        )
    rest, part = rows.take(np.flatnonzero(~taken)), rows.take(np.flatnonzero(taken))
    return rest, part if size.asked is None else draw(part, wanted, seed, purpose)


def _choose_groups(table: NDArray[np.int64], wanted: int, exact: bool) -> NDArray[np.bool_]:
    """Choose groups (lines of `table`, as `label_table` counts them) that hold about `wanted` rows, the first first.

    A group is taken when that brings the counts nearer to the proportional ones and leaves some of each label. exact:
    then more, the smallest first, until there are enough.
    """
    totals = table.sum(axis=0)
    target = wanted * totals / max(totals.sum(), 1)
    have = np.zeros_like(totals)
    chosen = np.zeros(len(table), dtype=bool)

    def leaves_all(group: int) -> bool:
        return bool(((totals - have - table[group] > 0) | (totals == 0)).all())

    def distance(counts: NDArray[np.int64]) -> float:
        return float(np.abs(target - counts).sum())

    for group in range(len(table)):
        if distance(have + table[group]) < distance(have) and leaves_all(group):
            chosen[group] = True
            have = have + table[group]
    for group in np.argsort(table.sum(axis=1), kind="stable"):
        if chosen.any() and (not exact or have.sum() >= wanted):
            break
        if not chosen[group] and leaves_all(group):
            chosen[group] = True
            have = have + table[group]
    return chosen
