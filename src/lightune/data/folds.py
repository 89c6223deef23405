"""Cross-validation's folds: in which part each row is a test row, cut anew for each repeat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lightune.data.drawing import group_numbers, label_table, row_priorities
from lightune.errors import DataError
from lightune.records import Rows


def fold_of(
    rows: Rows,
    folds: int,
    repeat: int,
    seed: int,
    groups: Sequence[str] | None = None,
    label_names: Sequence[str] | None = None,
) -> NDArray[np.int64]:
    """Return the fold, 0 to folds - 1, in which each row is a test row: int64 [n].

    Without groups, the folds' sizes, and the rows of each label in them, differ by one at most. A row's fold comes from
    a hash of seed, repeat and row id: it does not depend on the order of the rows or on a library's version.
    groups: rows that share a value (other than "") share a fold; the labels are then spread as evenly as that allows.
    label_names: for the messages.

    A label may have fewer rows than there are folds, and is then a test row's in some of them only, but it must
    stand in two folds, so that it is in train wherever it is tested. Raises DataError where it does not, and unless
    2 <= folds <= rows (or groups).
    """
    _check_size(folds, len(rows), "rows")
    counts = np.bincount(rows.labels)
    single = np.flatnonzero(counts == 1)
    if single.size:
        raise _lone_label(single, len(counts), label_names, "one row")
    priorities = row_priorities(rows.row_ids, seed, f"folds/{repeat}")
    if groups is not None:
        return _deal_groups(rows, folds, group_numbers(groups, priorities), label_names)
    fold = np.empty(len(rows), dtype=np.int64)
    # One label after the other is dealt out like cards, each from where the last one ended.
    fold[np.lexsort((priorities, rows.labels))] = np.arange(len(rows)) % folds
    return fold


def _deal_groups(
    rows: Rows, folds: int, numbers: NDArray[np.int64], label_names: Sequence[str] | None
) -> NDArray[np.int64]:
    """Give each group, the largest first, to the fold that holds the least of what the group brings.

    That is the step that keeps the sum of squares of the folds' shares of each label, and of all rows, smallest.
    """
    table = label_table(numbers, rows.labels)
    _check_size(folds, len(table), "groups")
    sizes = table.sum(axis=1)
    brings = np.column_stack([table, sizes]) / np.maximum(np.append(table.sum(axis=0), len(rows)), 1)
    held = np.zeros((folds, brings.shape[1]))
    given = np.empty(len(table), dtype=np.int64)
    for group in np.argsort(-sizes, kind="stable"):
        # Rounded, so that the order in which shares were added decides nothing.
        load = np.round(held @ brings[group], 12)
        given[group] = np.lexsort((held[:, -1], load))[0]
        held[given[group]] += brings[group]
    fold = given[numbers]
    spread = label_table(fold, rows.labels)
    lone = np.flatnonzero((spread > 0).sum(axis=0) == 1)
    if lone.size:
        raise _lone_label(lone, spread.shape[1], label_names, "rows in one fold alone, since groups stay whole")
    return fold


def _check_size(folds: int, there: int, what: str) -> None:
    if not 2 <= folds <= there:
        raise DataError(f"2 to {there:,} folds are expected, as there are {there:,} {what}, got {folds:,}.")


def _lone_label(lone: NDArray[np.intp], labels: int, label_names: Sequence[str] | None, has: str) -> DataError:
    called = [label_names[label] if label_names else f"number {label + 1} of {labels}" for label in lone]
    which = ", ".join(called[:10]) + (", ..." if len(called) > 10 else "")
    return DataError(
        f"Cross-validation needs each label in at least two folds, so that it can be learned where it is tested. "
        f"Labels with {has}: {which}. Add rows of them, or leave them out."
    )
