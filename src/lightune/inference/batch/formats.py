"""What an output is written as: a part a window, and all parts put together. The same rows make the same bytes."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from lightune.data import Window
from lightune.inference.wanted import Values
from lightune.inference.writing import write_rows
from lightune.printable import json_line


class Format(Protocol):
    """How an output's parts are written, and put together."""

    def write_part(self, path: Path, window: Window, added: Mapping[str, Values]) -> None:
        """Write the rows of `window` and the columns beside them."""
        ...

    def put_together(self, parts: Iterable[Path], path: Path) -> None:
        """Write the whole output from its parts, in their order."""
        ...


@dataclass(frozen=True)
class Delimited:
    """CSV or TSV. columns: the input's. added: the names of ours. safe: whether cells that a spreadsheet would run are
    made text, and all are quoted, so that a spreadsheet that splits at another character finds no cell inside one."""

    delimiter: str
    columns: tuple[str, ...]
    added: tuple[str, ...]
    safe: bool

    def write_part(self, path: Path, window: Window, added: Mapping[str, Values]) -> None:
        """Write rows without a header."""
        empty = (None,) * window.table.rows
        columns = [*(window.table.columns.get(name, empty) for name in self.columns), *added.values()]
        with path.open("w", encoding="utf-8", newline="") as handle:
            write_rows(handle, zip(*columns, strict=True), self.delimiter, self.safe)

    def put_together(self, parts: Iterable[Path], path: Path) -> None:
        """Write the header and the parts below it."""
        with path.open("w", encoding="utf-8", newline="") as handle:
            write_rows(handle, [(*self.columns, *self.added)], self.delimiter, self.safe)
        _append(parts, path)


class JsonLines:
    """An object a line. A line of JSON stays as it stands, with ours behind what is in it."""

    def write_part(self, path: Path, window: Window, added: Mapping[str, Values]) -> None:
        """Write a line a row."""
        with path.open("w", encoding="utf-8", newline="\n") as handle:
            handle.writelines(f"{line}\n" for line in json_rows(window, added))

    def put_together(self, parts: Iterable[Path], path: Path) -> None:
        """Write the parts below each other."""
        path.write_bytes(b"")
        _append(parts, path)


@dataclass(frozen=True)
class Parquet:
    """Parquet, a row group a window. schema: of the input's columns and of ours."""

    schema: pa.Schema

    def write_part(self, path: Path, window: Window, added: Mapping[str, Values]) -> None:
        """Write Arrow's own format, which every value comes back from as it is."""
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, self.schema) as writer:
            writer.write_table(self.table(window, added))

    def table(self, window: Window, added: Mapping[str, Values]) -> pa.Table:
        """The rows of `window` and the columns beside them."""
        rows = window.table.rows
        arrays = []
        for at, field in enumerate(self.schema):
            if field.name in added:
                arrays.append(pa.array(added[field.name], field.type))
            elif window.arrow is not None:
                arrays.append(window.arrow.column(at))
            else:
                arrays.append(pa.array(window.table.columns.get(field.name, (None,) * rows), field.type))
        return pa.Table.from_arrays(arrays, schema=self.schema).unify_dictionaries()

    def put_together(self, parts: Iterable[Path], path: Path) -> None:
        """Write the parts below each other, each as a row group."""
        with pq.ParquetWriter(path, self.schema) as writer:
            for part in parts:
                with pa.OSFile(str(part), "rb") as source, pa.ipc.open_stream(source) as reader:
                    table = reader.read_all()
                writer.write_table(table, row_group_size=len(table))


def json_rows(window: Window, added: Mapping[str, Values]) -> Iterator[str]:
    """Give each row as an object on a line: as it stands where it was JSON, else with its values as text."""
    columns = {} if window.lines is not None else window.table.columns
    names = (*columns, *added)
    rows = zip(*columns.values(), *added.values(), strict=True)
    for at, row in enumerate(rows):
        line = json_line(dict(zip(names, row, strict=True)))
        yield line if window.lines is None else spliced(window.lines[at], line)


def spliced(given: str, added: str) -> str:
    """Put the members of the object `added` behind those of the object `given`, which stays as it stands."""
    before = given[:-1].rstrip()
    return before + ("" if before == "{" else ", ") + added[1:]


def _append(parts: Iterable[Path], path: Path) -> None:
    with path.open("ab") as whole:
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, whole, 2**20)
