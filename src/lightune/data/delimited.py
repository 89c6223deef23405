"""CSV and TSV, exact: every value is the text that stands in the file, or the file is refused with its line.

pyarrow parses, since it never guesses a type when told not to. It does let malformed quoting pass (`"a"b` becomes
`ab`, a quote that is never closed swallows the rest), so the rows are first walked by the grammar of RFC 4180, which
also gives each row its line.
"""

from __future__ import annotations

import csv
import io
import re

import pyarrow as pa
import pyarrow.csv

from lightune.data.tables import Table, listing, text_table
from lightune.errors import DataError

# pyarrow holds a block's size in 32 bits, and a row must fit into a block.
_LARGEST = 2**31 - 2


class _Malformed(Exception):
    """Quoting that RFC 4180 does not know, on a line."""


def read_delimited(path: str, data: bytes, delimiter: str) -> Table:
    """Read UTF-8 bytes with a header row. Blank lines are skipped, but in a table of one column they are empty values.

    Raises DataError naming the file and the line: no rows, ragged rows, doubled column names, malformed quoting.
    """
    if len(data) > _LARGEST:
        raise DataError(f"{path} is larger than 2 GB: save it as Parquet, or in several files.")
    try:
        return _read(path, data, delimiter, quoted=True)
    except _Malformed as error:
        # Many TSV files hold bare quotes; where quoting makes no sense of the file, its quotes are plain characters.
        if delimiter == "\t":
            return _read(path, data, delimiter, quoted=False)
        raise DataError(f"{path}: {error}") from error


def _read(path: str, data: bytes, delimiter: str, quoted: bool) -> Table:
    lines, header_end, start = _walk(data, delimiter, quoted)
    if not lines:
        raise DataError(f"{path} is empty: a header row with the column names and at least one row are expected.")
    header = _header(path, data[start:header_end].decode(), delimiter, quoted)
    if len(header) == 1:
        data = data[start:].rstrip(b"\r\n") + b"\n"
        lines = _walk(data, delimiter, quoted, first_line=lines[0], blank_lines=True)[0]
    if len(lines) == 1:
        raise DataError(f"{path} has a header ({listing(header)}) but no rows below it.")
    try:
        values = _parse(data, delimiter, quoted, len(header))
    except pa.ArrowInvalid as error:
        raise _ragged(path, data, delimiter, quoted, lines, len(header), error) from error
    if len(values[0]) != len(lines):
        raise DataError(f"{path} can be read in more than one way; save it again as CSV with quoted values.")
    columns = {name: column[1:] for name, column in zip(header, values, strict=True)}
    return text_table(path, columns, tuple(lines[1:]))


def _parse(data: bytes, delimiter: str, quoted: bool, width: int) -> list[tuple[str, ...]]:
    names = [f"f{index}" for index in range(width)]  # pyarrow's own names for columns without a header
    table = pyarrow.csv.read_csv(
        io.BytesIO(data),
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False, autogenerate_column_names=True, block_size=len(data) + 1
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=delimiter,
            quote_char='"' if quoted else False,
            newlines_in_values=quoted,
            ignore_empty_lines=width > 1,
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, null_values=[]
        ),
    )
    return [tuple(table.column(name).to_pylist()) for name in names]


def _grammar(delimiter: str, quoted: bool) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """The patterns of one value and of a row up to its end (without the line break)."""
    d = re.escape(delimiter).encode()
    bare = rb'[^"' + d + rb"\r\n][^" + d + rb"\r\n]*+" if quoted else rb"[^" + d + rb"\r\n]++"
    value = rb"(?:" + (rb'"[^"]*+(?:""[^"]*+)*+"|' if quoted else b"") + bare + rb")?+"
    return re.compile(value), re.compile(value + rb"(?:" + d + value + rb")*+")


def _walk(
    data: bytes, delimiter: str, quoted: bool, first_line: int = 1, blank_lines: bool = False
) -> tuple[list[int], int, int]:
    """Return the line of each row (the header is the first), and where the header ends and begins."""
    row = _grammar(delimiter, quoted)[1]
    lines: list[int] = []
    header_end = header_start = position = 0
    line = first_line
    while position < len(data):
        match = row.match(data, position)
        end = match.end() if match else position
        if end < len(data) and data[end] not in b"\r\n":
            at = line + _line_breaks(data[position:end])
            if data[end : end + 1] == b'"':
                raise _Malformed(f'the quote that opens on line {at} is never closed. Close it, or double it ("").')
            raise _Malformed(f'line {at} has text after a closing quote. A quote inside a value is doubled ("").')
        if end > position or blank_lines:
            if not lines:
                header_start, header_end = position, end
            lines.append(line)
        after = end + (2 if data[end : end + 2] == b"\r\n" else 1)
        line += _line_breaks(data[position:after])
        position = after
    return lines, header_end, header_start


def _line_breaks(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def _header(path: str, text: str, delimiter: str, quoted: bool) -> list[str]:
    row = io.StringIO(text, newline="")
    names = next(csv.reader(row, delimiter=delimiter)) if quoted else text.split(delimiter)
    # pandas leaves the name of its index column empty.
    names = [name or f"unnamed_{position}" for position, name in enumerate(names, start=1)]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DataError(f"{path} has more than one column named {listing(doubled)}: give each its own name.")
    return names


def _ragged(
    path: str, data: bytes, delimiter: str, quoted: bool, lines: list[int], width: int, error: Exception
) -> DataError:
    """Find the first row that has too few or too many values."""
    value, row = _grammar(delimiter, quoted)
    position, found = 0, 0
    while position < len(data):
        match = row.match(data, position)
        end = match.end() if match else position
        if end > position or width == 1:
            count, at = 1, value.match(data, position).end()  # type: ignore[union-attr]
            while at < end:
                count, at = count + 1, value.match(data, at + 1).end()  # type: ignore[union-attr]
            if count != width:
                return DataError(
                    f"{path}, line {lines[found]}: {count} values where the header names {width} columns. "
                    "Quote values that hold the separator."
                )
            found += 1
        position = end + (2 if data[end : end + 2] == b"\r\n" else 1)
    return DataError(f"{path} cannot be read as a table: {error}.")
