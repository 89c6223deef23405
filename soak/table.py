"""What a check found: a line each, and one table of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """guarantee: what must hold. seen: counts and figures. holds: whether it did. timed: it depends on how fast the
    machine is, and what else it does."""

    check: str
    guarantee: str
    seen: str
    holds: bool
    timed: bool = False


def table(lines: Sequence[Line]) -> str:
    """Lines below one another, for a terminal."""
    rows = [("check", "must hold", "seen", "")]
    rows += [(one.check, one.guarantee, one.seen, "ok" if one.holds else "FAILED") for one in lines]
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def finish(lines: Sequence[Line]) -> int:
    """Print the table; the exit code is 1 if a line does not hold."""
    print(table(lines))
    return 0 if all(one.holds for one in lines) else 1


def say(line: str) -> None:
    """Tell people what is going on."""
    print(line, file=sys.stderr, flush=True)
