"""Other people's strings made fit for a terminal, a page or a line of JSON: no control character goes through raw."""

from __future__ import annotations

import json
import re

# Control characters but tab and newline, and halves of surrogate pairs.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# Characters that open an override of the writing direction and would turn round what follows them.
_DIRECTION = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_LINE_END = re.compile(r"\r\n|[\r\x85]")
# What JSON lets stand in a string as it is, though a terminal may obey it, or no UTF-8 can hold it.
_RAW_IN_JSON = re.compile(r"[\x7f-\x9f\ud800-\udfff]")
_LOGIN = re.compile(r"://[^/]*@")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """Replace what cannot be shown, and what a terminal would obey instead of showing it; the lines stay."""
    return _DIRECTION.sub("", _UNPRINTABLE.sub(REPLACEMENT, _LINE_END.sub("\n", text)))


def one_line(text: str) -> str:
    """The printable text with every run of white space as one space."""
    return " ".join(printable(text).split())


def without_secrets(place: str) -> str:
    """A path as it is, a URL without name and password and without its query, which may be a signature."""
    return _LOGIN.sub("://…@", re.sub(r"\?.*", "?…", place, flags=re.DOTALL)) if "://" in place else place


def json_line(value: object, allow_nan: bool = True) -> str:
    """Write a value as JSON on one line; control characters and halves of surrogate pairs are escaped.

    Raises ValueError for a number that is not finite, unless `allow_nan`.
    """
    return printable_json(json.dumps(value, ensure_ascii=False, allow_nan=allow_nan))


def printable_json(line: str) -> str:
    """The same JSON value, with what no terminal should get escaped."""
    return line if line.isascii() and "\x7f" not in line else _RAW_IN_JSON.sub(_escape, line)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"
