"""A look at a whole input before anything is made of it: what is wrong with it is found, and its rows are counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lightune.data.tables import Table, common_kind
from lightune.data.windows import Cut, RowSource, Window
from lightune.errors import DataError

_HALF_PAIR = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Survey:
    """What an input holds. columns: names, in the order in which they come up, with what their values are. sample: the
    first window's rows, with every column. half_pair: where the first half of a surrogate pair stands, which JSON can
    hold and no other format; None: nowhere."""

    rows: int
    windows: int
    columns: Mapping[str, str]
    sample: Table
    half_pair: str | None


def survey(
    source: RowSource, cut: Cut, on_read: Callable[[int, int], None] | None = None, only: str | None = None
) -> Survey:
    """Read all of `source`. on_read hears how much of it is read, and how much there is. only: the column whose values
    must be text; None: all of them. Raises DataError."""
    kinds: dict[str, set[str]] = {}
    first: Window | None = None
    rows = windows = 0
    half_pair = None
    for window in source.windows(cut):
        first = first or window
        rows += window.table.rows
        windows += 1
        for name in window.table.columns:
            values = window.table.columns[name] if only in (None, name) else ()
            kinds.setdefault(name, set())
            if any(value is not None for value in values) or window.lines is None:
                kinds[name].add(window.table.kinds[name])
        half_pair = half_pair or _half_pair(window)
        if on_read is not None:
            on_read(min(window.read, source.size), source.size)
    if first is None:
        raise DataError(f"{source.path} has no rows.")
    common = {name: common_kind(found) for name, found in kinds.items()}
    columns = first.table.columns
    if len(columns) < len(common):
        columns = {name: columns.get(name, (None,) * first.table.rows) for name in common}
    return Survey(rows, windows, common, Table(columns, common, first.table.parts), half_pair)


def _half_pair(window: Window) -> str | None:
    if window.lines is None or not any("\\u" in line for line in window.lines):
        return None  # only an escape of JSON can hold one
    for values in window.table.columns.values():
        for row, value in enumerate(values):
            if value is not None and _HALF_PAIR.search(value):
                return window.table.where(row)
    return None
