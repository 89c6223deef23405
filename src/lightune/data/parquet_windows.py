"""Rows of a Parquet file, a window at a time, with the Arrow values that they are."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq

from lightune.data.arrow_sizes import row_sizes
from lightune.data.parquet import as_table, check_columns, unreadable
from lightune.data.windows import Cut, Filling, Window

# Rows that are decoded at once: few enough that long texts fit.
_BATCH = 256
_BUFFER = 2**20


class ParquetRows:
    """Rows of a Parquet file. size: its rows. schema: names, types and metadata of its columns.

    system: where `file` lies, this machine's files without it. may_be_empty: whether a file without rows is one.
    Raises DataError.
    """

    def __init__(
        self,
        path: str,
        file: Path | str,
        system: pyarrow.fs.FileSystem | None = None,
        *,
        may_be_empty: bool = False,
    ) -> None:
        self.path = path
        self._file, self._system = file, system
        with self._open() as opened:
            self.schema = opened.schema_arrow
            self.footer: pq.FileMetaData = opened.metadata
        self.size = int(self.footer.num_rows)
        check_columns(path, self.schema, max(self.size, int(may_be_empty)))

    def windows(self, cut: Cut) -> Iterator[Window]:
        """Give every row once, in its order; a column becomes text when a window's table is asked for it.

        Raises DataError; so does a column that is no text, naming the row.
        """
        return self._cut(self._batches(), cut, 0)

    def _cut(self, batches: Iterable[pa.Table], cut: Cut, done: int) -> Iterator[Window]:
        """Cut the rows of `batches`, at least one, into windows. done: how many rows of the file stand before them."""
        held: list[pa.Table] = []
        filling, begun = Filling(cut), done
        for batch in batches:
            start = 0
            for row, size in enumerate(row_sizes(batch)):
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
        for at in self._dictionaries():
            field = self.schema.field(at)
            try:
                column = rows.column(at).combine_chunks().dictionary_encode().cast(field.type)
            except pa.ArrowException as error:
                raise unreadable(self.path, error) from error
            rows = rows.set_column(at, field, column)
        return Window(as_table(self.path, rows, begun), begun + len(rows), arrow=rows)

    def _batches(self, groups: Sequence[int] | None = None) -> Generator[pa.Table]:
        """The rows of these row groups, or of all, a few at a time."""
        with self._open() as opened:
            try:
                for batch in opened.iter_batches(batch_size=_BATCH, row_groups=groups, use_threads=False):
                    yield self._dense(pa.Table.from_batches([batch]))
            except (pa.ArrowException, OSError) as error:
                raise unreadable(self.path, error) from error

    def _dense(self, batch: pa.Table) -> pa.Table:
        for at in self._dictionaries():
            field = self.schema.field(at)
            kind = field.type.value_type
            batch = batch.set_column(at, field.with_type(kind), batch.column(at).cast(kind))
        return batch.replace_schema_metadata(self.schema.metadata)

    def _dictionaries(self) -> list[int]:
        """The columns that get a dictionary a window: as they are read, each batch has all values that came before it.
        One whose order means something is short, and stays."""
        return [at for at, kind in enumerate(self.schema.types) if pa.types.is_dictionary(kind) and not kind.ordered]

    def _open(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(
                self._file,
                buffer_size=_BUFFER,
                pre_buffer=False,
                page_checksum_verification=True,
                filesystem=self._system,
            )
        except (pa.ArrowException, OSError) as error:
            raise unreadable(self.path, error) from error
