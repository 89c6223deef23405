"""JSON as RFC 8259 has it, and nothing that Python's reader takes beyond."""

from __future__ import annotations

import json
import math
from typing import Any

from lightune.server.refusals import BAD_JSON, Refused

# Longer than any number that a field takes; Python's own bound on digits is a setting of the process.
DIGITS = 400
# Numbers and objects; a request needs one or two.
VALUES = 10_000


def parse(body: bytes) -> Any:
    """Read one JSON value. Raises Refused (400) for NaN, Infinity and numbers beyond float's, a key that stands twice
    in its object, half a surrogate pair, invalid UTF-8, nesting that is too deep, more than 10,000 numbers and
    objects, and all that is no JSON."""
    count = _Count()
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_constant=_constant,
            parse_float=count.float,
            parse_int=count.int,
            object_pairs_hook=count.object,
        )
        if b"\\u" in body:  # where halves of pairs can come from
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):  # invalid UTF-8 and invalid JSON are ValueErrors
        raise Refused(BAD_JSON) from None
    return value


def _constant(name: str) -> float:
    raise ValueError(name)


class _Count:
    """Reads numbers and objects, and counts them: each costs a call, during which nobody else is served."""

    def __init__(self) -> None:
        self._left = VALUES

    def float(self, text: str) -> float:
        self._one(text)
        value = float(text)
        if not math.isfinite(value):
            raise ValueError("a number beyond float's")
        return value

    def int(self, text: str) -> int:
        self._one(text)
        return int(text)

    def object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self._one("")
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a key twice")
        return found

    def _one(self, text: str) -> None:
        self._left -= 1
        if len(text) > DIGITS or self._left < 0:
            raise ValueError("too many digits or values")
