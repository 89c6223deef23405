"""What a folder of Parquet files holds, and the units of work that it is cut into: by the input alone."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from lightune.data import Cut, ParquetSlices, find_text_column
from lightune.data.parquet import as_table
from lightune.errors import DataError
from lightune.inference.folders.place import Place, reaching, stamp
from lightune.progress import Progress

CHECK = "check"
ENDING = ".parquet"


@dataclass(frozen=True)
class InputFile:
    """A file of the input. name: within the folder. path: for the place's driver. stamp: what changes when it is
    written to."""

    name: str
    path: str
    stamp: tuple[Any, ...]


@dataclass(frozen=True)
class Unit:
    """Rows of a file that are answered and written at once. target: the file of the output that they become."""

    file: InputFile
    begin: int
    rows: int
    target: str

    @property
    def words(self) -> str:
        """What messages call it."""
        rows = f"rows {self.begin + 1:,} to {self.begin + self.rows:,}" if self.rows else "which has no rows"
        return f"{self.file.name}, {rows}"


@dataclass(frozen=True)
class Plan:
    """An input that was looked at. digest: of the names and footers of its files. passed_over: names of files
    beside them that are no Parquet."""

    units: tuple[Unit, ...]
    files: int
    rows: int
    text_column: str
    digest: str
    passed_over: tuple[str, ...]


@dataclass(frozen=True)
class _Looked:
    """What the footer of a file says. slices: first row and rows of each."""

    file: InputFile
    rows: int
    slices: tuple[tuple[int, int], ...]
    schema: pa.Schema
    digest: str


def look_at(source: Place, text_column: str | None, unit: Cut, progress: Progress) -> Plan:
    """Read the footers of all files, and of the first one with rows as much as tells which column holds the texts.

    progress hears of `check`: how many of the files are looked at. Raises DataError.
    """
    paths, passed_over = _paths(source)
    files: list[_Looked] = []
    with ThreadPoolExecutor(source.readers) as pool:
        for looked in pool.map(lambda name: _look(source, name, paths[name], unit), paths):
            files.append(looked)
            progress(CHECK, len(files), len(paths), {})
    rows = sum(one.rows for one in files)
    if not rows:
        raise DataError(f"{source.name}: no file has rows.")
    column = _text_column(source, files, text_column)
    told = hashlib.sha256()
    units: list[Unit] = []
    for one in files:
        told.update(f"{one.file.name}\0{one.digest}\n".encode())
        stem = one.file.name[: -len(ENDING)]
        for at, (begin, many) in enumerate(one.slices):
            units.append(Unit(one.file, begin, many, f"{stem}-{at:05d}{ENDING}"))
    _check_targets(units)
    return Plan(tuple(units), len(files), rows, column, told.hexdigest(), passed_over)


def open_file(source: Place, file: InputFile) -> ParquetSlices:
    """Open a file of the input. Raises DataError."""
    name = source.name if file.path == source.path else f"{source.name.rstrip('/')}/{file.name}"
    return ParquetSlices(name, file.path, source.arrow)


def is_hidden(name: str) -> bool:
    """Whether it is what readers of such folders pass over: a name, or a folder, that begins with `.` or `_`."""
    return any(part.startswith((".", "_")) for part in name.split("/"))


def _paths(source: Place) -> tuple[dict[str, str], tuple[str, ...]]:
    """The paths of the Parquet files by their names in the folder, and names of others. Raises DataError."""
    with reaching("--input", source):
        if source.system.isfile(source.path):
            name = source.path.rsplit("/", 1)[-1]
            if not name.lower().endswith(ENDING):
                raise DataError(f"--input {source.name}: Parquet is expected here, a folder of it or a file.")
            return {name: source.path}, ()
        found = [name for name in source.files() if not is_hidden(name)]
        if not found and not source.system.exists(source.path):
            raise DataError(f"There is no folder or file {source.name}.")
    links = [name for name in found if source.local is not None and os.path.isdir(source.at(name))]
    if links:
        raise DataError(f"{source.name}: {links[0]} is a link to a folder, which is not followed. Name that folder.")
    named = {name: source.at(name) for name in found if name.lower().endswith(ENDING)}
    if not named:
        what = f"it holds {found[0]}" if found else "it is empty"
        raise DataError(f"--input {source.name}: a folder of .parquet files is expected, but {what}.")
    return named, tuple(name for name in found if name not in named)


def _look(source: Place, name: str, path: str, unit: Cut) -> _Looked:
    with reaching("--input", source):
        file = InputFile(name, path, stamp(source, path))
        found = open_file(source, file)
    return _Looked(file, found.size, tuple(found.slices(unit)), found.schema, found.digest)


def _text_column(source: Place, files: list[_Looked], asked: str | None) -> str:
    """The column of the texts, which every file must have: by its name, or by what the first file with rows holds."""
    with reaching("--input", source):
        first = open_file(source, next(one.file for one in files if one.rows))
        begin, rows = first.slices(Cut())[0]
        column = find_text_column(next(first.slice_windows(begin, rows, Cut())).table, asked)
        first.close()
    for one in files:
        find_text_column(as_table(f"{source.name}, {one.file.name}", one.schema.empty_table()), column)
    return column


def _check_targets(units: list[Unit]) -> None:
    """Raise DataError where two files would become one: names that differ in their ending's capitals alone."""
    seen: dict[str, Unit] = {}
    for unit in units:
        other = seen.setdefault(unit.target, unit)
        if other is not unit:
            raise DataError(
                f"{other.file.name} and {unit.file.name} would both become {unit.target}: give one another name."
            )
