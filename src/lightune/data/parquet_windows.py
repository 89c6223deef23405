"""Rows of a Parquet file, a window at a time, with the Arrow values that they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lightune.data.parquet import as_table, check_columns
from lightune.data.tables import BINARY, Table
from lightune.data.windows import Cut, Filling, Window
from lightune.errors import DataError

# Rows that are decoded at once: few enough that long texts fit.
_BATCH = 256
_BUFFER = 2**20


class ParquetRows:
    """Rows of a Parquet file. size: its rows. schema: names, types and metadata of its columns. Raises DataError."""

    def __init__(self, path: str, file: Path) -> None:
        self.path = path
        self._file = file
        with self._open() as opened:
            self.schema = opened.schema_arrow
            self.size = int(opened.metadata.num_rows)
        check_columns(path, self.schema, self.size)

    def windows(self, cut: Cut) -> Iterator[Window]:
        """Give every row once, in its order. Raises DataError naming the row of what is no text."""
        held: list[pa.Table] = []
        filling, begun, done = Filling(cut), 0, 0
        for batch in self._batches():
            start = 0
            for row, size in enumerate(_sizes(as_table(self.path, batch, done), batch)):
                if not filling.takes(size):
                    held.append(batch.slice(start, row - start))
                    yield self._window(held, begun)
                    start, begun, held, filling = row, done + row, [], Filling(cut)
                    filling.takes(size)
            held.append(batch.slice(start))
            done += len(batch)
        yield self._window(held, begun)

    def _window(self, held: list[pa.Table], begun: int) -> Window:
        rows = pa.concat_tables(held)
        return Window(as_table(self.path, rows, begun), begun + len(rows), arrow=rows)

    def _batches(self) -> Iterator[pa.Table]:
        with self._open() as opened:
            try:
                for batch in opened.iter_batches(batch_size=_BATCH, use_threads=False):
                    yield pa.Table.from_batches([batch]).replace_schema_metadata(self.schema.metadata)
            except (pa.ArrowException, OSError) as error:
                raise self._unreadable(error) from error

    def _open(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self._file, buffer_size=_BUFFER, pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> DataError:
        return DataError(f"{self.path} cannot be read as Parquet: {str(error).rstrip('.')}.")


def _sizes(table: Table, batch: pa.Table) -> list[int]:
    """Characters of each row's values; of binary ones their bytes."""
    sizes = np.zeros(len(batch), dtype=np.int64)
    for name, values in table.columns.items():
        if table.kinds[name] == BINARY:
            column = batch.column(name)
            kind = (
                pa.binary(column.type.byte_width) if pa.types.is_fixed_size_binary(column.type) else pa.large_binary()
            )
            sizes += pc.fill_null(pc.binary_length(column.cast(kind)), 0).to_numpy()
        else:
            sizes += np.fromiter((0 if value is None else len(value) for value in values), np.int64, len(values))
    return sizes.tolist()
