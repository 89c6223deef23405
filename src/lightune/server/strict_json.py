"""JSON as RFC 8259 has it, and nothing that Python's reader takes beyond."""

from __future__ import annotations

import json
import math
from typing import Any

from lightune.server.refusals import BAD_JSON, Refused

# Longer than any number that a field takes; Python's own bound on digits is a setting of the process.
DIGITS = 400


def parse(body: bytes) -> Any:
    """Read one JSON value. Raises Refused (400) for NaN, Infinity and numbers beyond float's, a key that stands twice
    in its object, half a surrogate pair, invalid UTF-8, nesting that is too deep, and all that is no JSON."""
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
    value = float(text)
    if len(text) > DIGITS or not math.isfinite(value):
        raise ValueError("a number beyond float's")
    return value


def _int(text: str) -> int:
    if len(text) > DIGITS:
        raise ValueError("a number of too many digits")
    return int(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice")
    return found
