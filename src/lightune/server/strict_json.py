"""JSON as RFC 8259 has it, and nothing that Python's reader takes beyond."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from lightune.server.refusals import BAD_JSON, Refused

# Longer than any number that a field takes; Python's own bound on digits is a setting of the process.
DIGITS = 400
# What a body may hold; a request needs fewer than 50.
VALUES = 10_000
# One that does not end matches too: otherwise each of its quotes would be tried up to the end.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)


def parse(body: bytes) -> Any:
    """Read one JSON value. Raises Refused (400) for NaN, Infinity and numbers beyond float's, a key that stands twice
    in its object, half a surrogate pair, invalid UTF-8, nesting that is too deep, more than 10,000 keys and values, and
    all that is no JSON."""
    if _marks(body) > VALUES:
        raise Refused(BAD_JSON)
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_int,
            object_pairs_hook=_object,
        )
        if b"\\u" in body:  # where halves of pairs can come from
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):  # invalid UTF-8 and invalid JSON are ValueErrors
        raise Refused(BAD_JSON) from None
    return value


def _constant(name: str) -> float:
    raise ValueError(name)


def _float(text: str) -> float:
    value = float(_short(text))
    if not math.isfinite(value):
        raise ValueError("a number beyond float's")
    return value


def _int(text: str) -> int:
    return int(_short(text))


def _short(text: str) -> str:
    if len(text) > DIGITS:
        raise ValueError("too many digits")
    return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice")
    return found


def _marks(body: bytes) -> int:
    """Count what stands before keys and values, strings left out: reading them holds up everybody, counting does not.

    Of a body with more than `VALUES` strings those beyond stay, but what separates the first is enough.
    """
    if _counted(body) <= VALUES:
        return 0
    return _counted(_STRING.sub(b"", body, VALUES))


def _counted(body: bytes) -> int:
    return sum(body.count(mark) for mark in b"[{,:")
