"""Windows: some rows of an input at a time, cut the same way each time it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from lightune.data.tables import Table

# A row that is longer than this is no row of texts, and would not fit into the memory that a window may take.
LONGEST_ROW = 2**26


@dataclass(frozen=True)
class Cut:
    """How much of an input a window holds at most: rows, and bytes of them. A single longer row stands alone."""

    rows: int = 4096
    size: int = 2**20


@dataclass(frozen=True)
class Window:
    """Some rows of an input, in their order.

    table: their values as text, as `read_table` has them; of JSON the keys that these rows have. lines: each row as it
    stands in a file of JSON lines, on one line. arrow: the rows as they stand in a Parquet file. read: how much of the
    input is read when they are, in the units of `RowSource.size`.
    """

    table: Table
    read: int
    lines: Sequence[str] | None = None
    arrow: pa.Table | None = None


class RowSource(Protocol):
    """An input whose rows can be read one window after the other, again and again.

    path: what messages name. size: what `Window.read` comes to in the end; bytes, or rows of a Parquet file.
    """

    path: str
    size: int

    def windows(self, cut: Cut) -> Iterator[Window]:
        """Give every row once, in its order. Raises DataError as `read_table` does, when it comes there."""
        ...


class Filling:
    """Whether a window is full: it takes rows until one more would be too many, or too much."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self.rows = self._size = 0

    def takes(self, size: int) -> bool:
        """Count in a row of so many bytes, unless the window is full without it; say which."""
        if self.rows and (self.rows >= self._cut.rows or self._size + size > self._cut.size):
            return False
        self.rows += 1
        self._size += size
        return True
