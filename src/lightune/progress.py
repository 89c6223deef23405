"""How work that takes a while tells what it is at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# phase (`train`, `predict`, …), units done, units in all, further facts (`loss`, `eval_accuracy`, …)
Progress = Callable[[str, int, int, dict[str, Any]], None]

# Among the facts: a sentence that people are to read.
NOTE = "note"


# The phase of something that people are to hear: its fact `said` is a sentence.
NOTICE = "notice"


def counting(total: int, say: Callable[[int, int], None]) -> Callable[[int], None]:
    """Turn "so many more are done" into `say`(done so far, total)."""
    done = 0

    def tick(more: int) -> None:
        nonlocal done
        done += more
        say(done, total)

    return tick


def silent(phase: str, done: int, total: int, facts: dict[str, Any]) -> None:
    """Tell nobody."""
