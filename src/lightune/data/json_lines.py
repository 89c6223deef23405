"""JSON Lines (an object a line) and JSON arrays of objects, exact: numbers keep the digits that stand in the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from lightune.data.tables import BOOLEAN, NESTED, NUMBER, TEXT, Part, Table, common_kind
from lightune.data.windows import LONGEST_ROW, Cut, Filling, Window
from lightune.errors import DataError

# What may stand around a value.
JSON_SPACE = " \t\r\n"


class _Number(str):
    """A number as it is written: 1.10 stays 1.10, and 1 is not 1.0."""

    __slots__ = ()


class _Doubled(ValueError):
    """A key that stands twice in one object."""


def read_json_lines(path: str, data: bytes) -> Table:
    """Read UTF-8 bytes, one object a line; blank lines are skipped. A key that a row lacks, and null, is None.

    Raises DataError naming the file and the line.
    """
    lines, rows = [], []
    for number, line in enumerate(data.split(b"\n"), start=1):  # not splitlines(): U+2028 may stand in a text
        if line.strip():
            lines.append(number)
            rows.append(_parsed(f"{path}, line {number}", line.decode()))
    return _table(path, rows, tuple(lines))


def read_json(path: str, data: bytes) -> Table:
    """Read one array of objects, or an object a line. Raises DataError naming the file and the line or row."""
    if not data.lstrip().startswith(b"["):
        return read_json_lines(path, data)
    rows = _parsed(path, data.decode())
    return _table(path, rows, None)


def json_lines_windows(path: str, pieces: Callable[[], Iterable[bytes]], cut: Cut) -> Iterator[Window]:
    """Read what `read_json_lines` reads, a window at a time, and keep each line. pieces: the file's bytes."""
    numbers: list[int] = []
    lines: list[str] = []
    filling, read = Filling(cut), 0
    for number, line in enumerate(split_lines(path, pieces()), start=1):
        if line.strip():
            if not filling.takes(len(line)):
                yield json_window(path, lines, read, numbers)
                numbers, lines, filling = [], [], Filling(cut)
                filling.takes(len(line))
            numbers.append(number)
            lines.append(line.decode().strip(JSON_SPACE))
        read += len(line) + 1
    if lines:
        yield json_window(path, lines, read, numbers)


def json_array_windows(path: str, text: str, cut: Cut) -> Iterator[Window]:
    """Cut an array of objects that `read_json` has read into windows, and keep each object as it stands."""
    # Only where each object ends is asked: digits stay text, of which Python would make no number of any length.
    objects = json.JSONDecoder(parse_int=str, parse_float=str)
    at, held, filling = _after_space(text, text.index("[") + 1), list[str](), Filling(cut)
    done = 0
    while text[at] != "]":
        end = objects.raw_decode(text, at)[1]
        # Line ends in JSON stand between its parts only.
        line = text[at:end].replace("\r", " ").replace("\n", " ")
        if not filling.takes(len(line)):
            yield json_window(path, held, at, first=done)
            done, held, filling = done + len(held), [], Filling(cut)
            filling.takes(len(line))
        held.append(line)
        at = _after_space(text, end)
        at = _after_space(text, at + 1) if text[at] == "," else at
    yield json_window(path, held, len(text), first=done)


def json_window(path: str, lines: list[str], read: int, numbers: list[int] | None = None, first: int = 0) -> Window:
    """Make a window of lines of JSON. numbers: the line of each; None: they are rows, `first` of which came before."""
    places = (
        [f"row {first + at + 1}" for at in range(len(lines))] if numbers is None else [f"line {n}" for n in numbers]
    )
    rows = [_parsed(f"{path}, {place}", line) for place, line in zip(places, lines, strict=True)]
    return Window(_table(path, rows, None if numbers is None else tuple(numbers)), read, lines)


def split_lines(path: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Split at LF and nowhere else. What stands behind the last one is a line too, though it be empty. Raises DataError
    for a line that does not fit into memory."""
    held: list[bytes] = []
    size, number = 0, 1
    for piece in pieces:
        first, *others = piece.split(b"\n")
        held.append(first)
        size += len(first)
        for line in others:
            yield b"".join(held)
            held, size, number = [line], len(line), number + 1
        if size > LONGEST_ROW:
            raise DataError(f"{path}, line {number}: it does not end within {LONGEST_ROW / 2**20:,.0f} MB.")
    yield b"".join(held)


def _after_space(text: str, at: int) -> int:
    while text[at] in JSON_SPACE:
        at += 1
    return at


def _parsed(place: str, text: str) -> Any:
    try:
        return json.loads(
            text, parse_int=_Number, parse_float=_Number, parse_constant=_Number, object_pairs_hook=_object
        )
    except _Doubled as error:
        raise DataError(f"{place}: the key {error} stands twice in one object.") from error
    except ValueError as error:
        raise DataError(f'{place}: an object such as {{"text": "…"}} is expected; this is no JSON: {error}.') from error
    except RecursionError as error:
        raise DataError(f"{place}: the JSON is nested too deep to be read.") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Doubled(repr(next(name for name in names if names.count(name) > 1)))
    return made


def _table(path: str, rows: list[Any], lines: tuple[int, ...] | None) -> Table:
    part = Part(path, len(rows), lines)
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            place = Table({}, {}, (part,)).where(index)
            seen = "a list" if isinstance(row, list) else _kind(row)
            raise DataError(f'{place}: an object such as {{"text": "…"}} is expected, got {seen}.')
    if not rows:
        raise DataError(f"{path} has no rows: an object a line is expected.")
    names = list(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        if not _is_unicode(name):
            raise DataError(f"{path} has a key that is not valid Unicode: {name!r}. Give it another name.")
    values = {name: [row.get(name) for row in rows] for name in names}
    kinds = {name: _column_kind(column) for name, column in values.items()}
    columns = {name: tuple(_text(value) for value in column) for name, column in values.items()}
    return Table(columns, kinds, (part,))


def _kind(value: Any) -> str:
    if isinstance(value, _Number):
        return NUMBER
    if isinstance(value, str):
        return TEXT
    return BOOLEAN if isinstance(value, bool) else "null" if value is None else NESTED


def _column_kind(column: list[Any]) -> str:
    return common_kind({_kind(value) for value in column if value is not None})


def _text(value: Any) -> str | None:
    return None if value is None else str(value) if isinstance(value, str) else _written(value)


def _written(value: Any) -> str:
    """JSON text of a value, with numbers as they were written."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    if isinstance(value, dict):
        pairs = (f"{json.dumps(name, ensure_ascii=False)}: {_written(item)}" for name, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    return json.dumps(value, ensure_ascii=False)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
