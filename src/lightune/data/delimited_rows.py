"""The rows of CSV and TSV by the grammar of RFC 4180, from bytes that come in pieces."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lightune.data.encoding import line_breaks


class Malformed(Exception):
    """Quoting that RFC 4180 does not know, on a line; or a row without an end."""


class Row(NamedTuple):
    """A row, or a blank line. line: the one it begins on, from 1. data: its bytes with their line end. read: bytes of
    the file up to its end."""

    line: int
    data: bytes
    blank: bool
    read: int


def grammar(delimiter: str, quoted: bool) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """The patterns of one value and of a row up to its end (without the line break)."""
    d = re.escape(delimiter).encode()
    bare = rb'[^"' + d + rb"\r\n][^" + d + rb"\r\n]*+" if quoted else rb"[^" + d + rb"\r\n]++"
    value = rb"(?:" + (rb'"[^"]*+(?:""[^"]*+)*+"|' if quoted else b"") + bare + rb")?+"
    return re.compile(value), re.compile(value + rb"(?:" + d + value + rb")*+")


def walk(pieces: Iterable[bytes], delimiter: str, quoted: bool, longest: int) -> Iterator[Row]:
    """Give each row and each blank line, in their order. Raises Malformed; longest: bytes that a row may have."""
    match = grammar(delimiter, quoted)[1].match
    buffer = _Buffer(pieces)
    line, read = 1, 0
    while True:
        data, start = buffer.data, buffer.position
        end = match(data, start).end()  # type: ignore[union-attr]
        # A row may go on behind what is here, and so may a line end of two characters.
        if not buffer.last and (end + 1 >= len(data) or data[end : end + 1] == b'"'):
            if len(data) - start > longest:
                raise Malformed(_endless(line, data[end : end + 1] == b'"', longest))
            buffer.refill()
            continue
        if start >= len(data):
            return
        if end < len(data) and data[end] not in b"\r\n":
            raise Malformed(_misquoted(line + line_breaks(data[start:end]), data[end : end + 1] == b'"'))
        after = min(end + (2 if data[end : end + 2] == b"\r\n" else 1), len(data))
        read += after - start
        row = data[start:after]
        yield Row(line, row if after > end else row + b"\n", end == start, read)
        line += line_breaks(row)
        buffer.position = after


class _Buffer:
    """What is read of a file and not yet walked: `data` from `position` on. last: nothing comes behind it."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.data = b""
        self.position = 0
        self.last = False

    def refill(self) -> None:
        """Read on: at least as much again as waits here, so that a long row is not looked at ever again."""
        held = [self.data[self.position :]]
        wanted, size = len(held[0]), 0
        while not size or size < wanted:
            piece = next(self._pieces, None)
            if piece is None:
                self.last = True
                break
            held.append(piece)
            size += len(piece)
        self.data, self.position = b"".join(held), 0


def _misquoted(line: int, opens: bool) -> str:
    if opens:
        return f'the quote that opens on line {line} is never closed. Close it, or double it ("").'
    return f'line {line} has text after a closing quote. A quote inside a value is doubled ("").'


def _endless(line: int, opens: bool, longest: int) -> str:
    what = "has a quote that is not closed" if opens else "does not end"
    return f'the row on line {line} {what} within {longest / 2**20:,.0f} MB. A quote inside a value is doubled ("").'
