"""Slices of a Parquet file, so that many processes can share one: how they are cut, and read."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Generator, Iterator
from itertools import accumulate, pairwise

import pyarrow as pa
import pyarrow.fs

from lightune.data.parquet_windows import ParquetRows
from lightune.data.windows import Cut, Window
from lightune.errors import DataError


class ParquetSlices(ParquetRows):
    """A Parquet file, which may be empty, of which slices of rows are read. Slices that come one behind the other are
    read in one go: what lies between them is decoded once, however many slices a row group has."""

    def __init__(self, path: str, file: str, system: pyarrow.fs.FileSystem | None = None) -> None:
        super().__init__(path, file, system, may_be_empty=True)
        sizes = [self.footer.row_group(at).num_rows for at in range(self.footer.num_row_groups)]
        # Where each row group begins.
        self._begins = [0, *accumulate(sizes)][:-1]
        self._coming: Generator[pa.Table] | None = None
        self._rest: pa.Table | None = None
        # The row of the file that comes next; behind the end where nothing is open.
        self._at = self.size + 1

    @property
    def digest(self) -> str:
        """SHA-256 of what the footer says of the file: schema, places, sizes, the least and greatest values."""
        sink = pa.BufferOutputStream()
        self.footer.write_metadata_file(sink)
        return hashlib.sha256(sink.getvalue()).hexdigest()

    def slices(self, most: Cut) -> list[tuple[int, int]]:
        """Cut the file into slices (first row, rows): whole row groups, as many as `most` allows, and parts of those
        that are larger. What a row group takes decoded, by its footer, counts as its rows' bytes. A file without rows
        is one slice."""
        found: list[tuple[int, int]] = []
        held = Cut(0, 0)
        for at, begin in enumerate(self._begins):
            group = self.footer.row_group(at)
            rows, size = int(group.num_rows), int(group.total_byte_size)
            if not rows:  # of no bytes too, it would join the last part of one that was cut up
                continue
            if found and held.rows + rows <= most.rows and held.size + size <= most.size:
                held = Cut(held.rows + rows, held.size + size)
                found[-1] = (found[-1][0], held.rows)
                continue
            parts = min(rows, max(math.ceil(rows / most.rows), math.ceil(size / most.size)))
            cuts = [begin + rows * part // parts for part in range(parts + 1)]
            found.extend((first, last - first) for first, last in pairwise(cuts))
            # A row group that was cut up takes no other one in.
            held = Cut(rows, size) if parts == 1 else most
        return found or [(0, 0)]

    def slice_windows(self, begin: int, rows: int, cut: Cut) -> Iterator[Window]:
        """Give the rows of a slice once, in their order. Raises DataError as `windows` does."""
        if rows:
            yield from self._cut(self._slice(begin, rows), cut, begin)

    def close(self) -> None:
        """Close the file; the next slice opens it again."""
        if self._coming is not None:
            self._coming.close()
        self._coming, self._rest, self._at = None, None, self.size + 1

    def _slice(self, begin: int, rows: int) -> Iterator[pa.Table]:
        self._go_to(begin)
        while rows:
            batch = self._next(rows)
            rows -= len(batch)
            yield batch

    def _go_to(self, row: int) -> None:
        group = sum(begin <= row for begin in self._begins) - 1
        if not self._begins[group] <= self._at <= row:  # else it goes forward in what is open
            self.close()
            self._coming = self._batches(range(group, self.footer.num_row_groups))
            self._at = self._begins[group]
        while self._at < row:
            self._next(row - self._at)

    def _next(self, most: int) -> pa.Table:
        """Up to so many of the rows that come next."""
        batch = self._rest
        if batch is None:
            batch = next(self._coming, None) if self._coming is not None else None
        if batch is None:
            raise DataError(f"{self.path} has fewer rows than its footer says. Write the file again.")
        self._rest = batch.slice(most) if len(batch) > most else None
        batch = batch.slice(0, most)
        self._at += len(batch)
        return batch
