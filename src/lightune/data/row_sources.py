"""Inputs whose rows are read a window at a time, so that they may be larger than memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from lightune.data.delimited import delimited_windows
from lightune.data.encoding import START, Utf8
from lightune.data.files import file_size
from lightune.data.json_lines import json_array_windows, json_lines_windows, read_json, split_lines
from lightune.data.parquet_windows import ParquetRows
from lightune.data.readers import check_extension
from lightune.data.tables import text_table
from lightune.data.windows import Cut, Filling, RowSource, Window
from lightune.errors import DataError

JSON_LINES, TEXT_LINES = "jsonl", "lines"
_PIECE = 2**20
Pieces = Callable[[], Iterable[bytes]]


def open_rows(path: str | Path, name: str | None = None, kind: str | None = None) -> RowSource:
    """Open what `read_table` reads, to be read in windows: exactly as it does, with the same refusals.

    name: what messages call it. kind: what stands in it where no ending says so: JSON_LINES, or TEXT_LINES, each of
    which is a text, an empty one too. An array of JSON is read as a whole. Raises DataError.
    """
    file = Path(os.path.expanduser(path))
    name = str(path) if name is None else name
    if kind is None:
        check_extension(file)
    ending = file.suffix.lower() if kind is None else f".{kind}"
    size = file_size(file, str(path))
    try:
        with file.open("rb") as handle:
            start = handle.read(2**10)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    if ending == ".parquet" and start.strip():
        return ParquetRows(name, file)
    return TextRows(name, size, partial(_checked_pieces, name, ending, file), _reader(ending, start))


class TextRows:
    """Rows of a text file. size: bytes."""

    def __init__(self, path: str, size: int, pieces: Pieces, read: Callable[[str, Pieces, Cut], Iterator[Window]]):
        self.path = path
        self.size = size
        self._pieces = pieces
        self._read = read

    def windows(self, cut: Cut) -> Iterator[Window]:
        """Give every row once, in its order. Raises DataError."""
        return self._read(self.path, self._pieces, cut)


def _reader(ending: str, start: bytes) -> Callable[[str, Pieces, Cut], Iterator[Window]]:
    if ending in (".csv", ".tsv"):
        return partial(_delimited, "," if ending == ".csv" else "\t")
    if ending == f".{TEXT_LINES}":
        return text_lines_windows
    is_array = ending == ".json" and start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")
    return _json_array if is_array else json_lines_windows


def _delimited(delimiter: str, path: str, pieces: Pieces, cut: Cut) -> Iterator[Window]:
    return delimited_windows(path, pieces, delimiter, cut)


def _json_array(path: str, pieces: Pieces, cut: Cut) -> Iterator[Window]:
    data = b"".join(pieces())
    read_json(path, data)
    return json_array_windows(path, data.decode(), cut)


def text_lines_windows(path: str, pieces: Pieces, cut: Cut) -> Iterator[Window]:
    """Read each line as a text, in a column `text`; CR before its end is not a part of it."""
    texts: list[str] = []
    filling, read, line = Filling(cut), 0, 1
    for data in _ended(split_lines(path, pieces())):
        if not filling.takes(len(data)):
            yield text_window(path, texts, line, read)
            line, texts, filling = line + len(texts), [], Filling(cut)
            filling.takes(len(data))
        texts.append(data.decode().removesuffix("\r"))
        read += len(data) + 1
    yield text_window(path, texts, line, read)


def _ended(lines: Iterator[bytes]) -> Iterator[bytes]:
    """All but what stands behind the last line end, where that is nothing."""
    before = next(lines)
    for line in lines:
        yield before
        before = line
    if before:
        yield before


def text_window(path: str, texts: list[str], line: int, read: int) -> Window:
    """Make a window of texts, the first of which stands on `line`."""
    return Window(text_table(path, {"text": tuple(texts)}, tuple(range(line, line + len(texts)))), read)


def _checked_pieces(name: str, ending: str, file: Path) -> Iterator[bytes]:
    """The bytes of a text file, checked to be one. Raises DataError."""
    check = Utf8(name, ending)
    empty = True
    try:
        with file.open("rb") as handle:
            data = handle.read(max(_PIECE, START))
            while data:
                more = handle.read(_PIECE)
                checked = check.checked(data, last=not more)
                empty = empty and not checked.strip()
                yield checked
                data = more
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror or error}.") from error
    if empty:
        raise DataError(f"{name} is empty: rows with a text are expected.")
