"""CSV and TSV, exact: every value is the text that stands in the file, or the file is refused with its line.

pyarrow parses, since it never guesses a type when told not to. It does let malformed quoting pass (`"a"b` becomes
`ab`, a quote that is never closed swallows the rest), so the rows are first walked by the grammar of RFC 4180, which
also gives each row its line.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.csv

from lightune.data.delimited_rows import Malformed, Row, grammar, walk
from lightune.data.tables import Table, listing, text_table
from lightune.data.windows import LONGEST_ROW, Cut, Filling, Window
from lightune.errors import DataError

# pyarrow holds a block's size in 32 bits, and a row must fit into a block.
_LARGEST = 2**31 - 2


def read_delimited(path: str, data: bytes, delimiter: str) -> Table:
    """Read UTF-8 bytes with a header row. Blank lines are skipped, but in a table of one column they are empty values.

    Raises DataError naming the file and the line: no rows, ragged rows, doubled column names, malformed quoting.
    """
    if len(data) > _LARGEST:
        raise DataError(f"{path} is larger than 2 GB: save it as Parquet, or in several files.")
    everything = Cut(len(data) + 1, len(data) + 1)
    (window,) = delimited_windows(path, lambda: (data,), delimiter, everything, _LARGEST)
    return window.table


def delimited_windows(
    path: str, pieces: Callable[[], Iterable[bytes]], delimiter: str, cut: Cut, longest: int = LONGEST_ROW
) -> Iterator[Window]:
    """Read what `read_delimited` reads, a window at a time. pieces: the file's bytes from its start, at each call.

    longest: bytes that a row may have. Raises DataError when it comes to what is wrong.
    """
    # Many TSV files hold bare quotes; where quoting makes no sense of the file, its quotes are plain characters.
    quoted = delimiter != "\t" or _is_quoted(walk(pieces(), delimiter, True, longest))
    try:
        yield from _windows(path, walk(pieces(), delimiter, quoted, longest), _Dialect(delimiter, quoted), cut)
    except Malformed as error:
        raise DataError(f"{path}: {error}") from error


@dataclass(frozen=True)
class _Dialect:
    delimiter: str
    quoted: bool


def _is_quoted(rows: Iterator[Row]) -> bool:
    try:
        for _ in rows:
            pass
    except Malformed:
        return False
    return True


def _windows(path: str, rows: Iterator[Row], dialect: _Dialect, cut: Cut) -> Iterator[Window]:
    first = next((row for row in rows if not row.blank), None)
    if first is None:
        raise DataError(f"{path} is empty: a header row with the column names and at least one row are expected.")
    header = _header(path, first.data.rstrip(b"\r\n").decode(), dialect)
    counted = _with_blank_values(rows) if len(header) == 1 else (row for row in rows if not row.blank)
    held: list[Row] = []
    filling, any_row = Filling(cut), False
    for row in counted:
        if not filling.takes(len(row.data)):
            yield _window(path, held, dialect, header)
            held, filling = [], Filling(cut)
            filling.takes(len(row.data))
        held.append(row)
        any_row = True
    if not any_row:
        raise DataError(f"{path} has a header ({listing(header)}) but no rows below it.")
    yield _window(path, held, dialect, header)


def _with_blank_values(rows: Iterator[Row]) -> Iterator[Row]:
    """In one column a blank line is an empty value, but for those at the file's end."""
    blank: list[Row] = []
    for row in rows:
        if row.blank:
            blank.append(row)
        else:
            yield from blank
            yield row
            blank = []


def _window(path: str, rows: list[Row], dialect: _Dialect, header: list[str]) -> Window:
    data = b"".join(row.data for row in rows)
    lines = [row.line for row in rows]
    try:
        values = _parse(data, dialect, len(header))
    except pa.ArrowInvalid as error:
        raise _ragged(path, rows, dialect, len(header), error) from error
    if len(values[0]) != len(rows):
        raise DataError(f"{path} can be read in more than one way; save it again as CSV with quoted values.")
    return Window(text_table(path, dict(zip(header, values, strict=True)), tuple(lines)), rows[-1].read)


def _parse(data: bytes, dialect: _Dialect, width: int) -> list[tuple[str, ...]]:
    names = [f"f{index}" for index in range(width)]  # pyarrow's own names for columns without a header
    table = pyarrow.csv.read_csv(
        io.BytesIO(data),
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False, autogenerate_column_names=True, block_size=len(data) + 1
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=dialect.delimiter,
            quote_char='"' if dialect.quoted else False,
            newlines_in_values=dialect.quoted,
            ignore_empty_lines=width > 1,
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, null_values=[]
        ),
    )
    if table.num_columns != width:  # every row has the same number of values, but another than the header
        raise pa.ArrowInvalid(f"{table.num_columns} columns where {width} are expected")
    return [tuple(table.column(name).to_pylist()) for name in names]


def _header(path: str, text: str, dialect: _Dialect) -> list[str]:
    row = io.StringIO(text, newline="")
    names = next(csv.reader(row, delimiter=dialect.delimiter)) if dialect.quoted else text.split(dialect.delimiter)
    # pandas leaves the name of its index column empty.
    names = [name or f"unnamed_{position}" for position, name in enumerate(names, start=1)]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DataError(f"{path} has more than one column named {listing(doubled)}: give each its own name.")
    return names


def _ragged(path: str, rows: list[Row], dialect: _Dialect, width: int, error: Exception) -> DataError:
    """Find the first row that has too few or too many values."""
    value = grammar(dialect.delimiter, dialect.quoted)[0]
    for row in rows:
        count = _values_in(row.data.rstrip(b"\r\n"), value)
        if count != width:
            return DataError(
                f"{path}, line {row.line}: {count} values where the header names {width} columns. "
                "Quote values that hold the separator."
            )
    return DataError(f"{path} cannot be read as a table: {error}.")


def _values_in(data: bytes, value: re.Pattern[bytes]) -> int:
    count, at = 1, value.match(data, 0).end()  # type: ignore[union-attr]
    while at < len(data):
        count, at = count + 1, value.match(data, at + 1).end()  # type: ignore[union-attr]
    return count
