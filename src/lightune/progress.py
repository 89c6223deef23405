"""How work that takes a while tells what it is at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# phase (`train`, `predict`, …), units done, units in all, further facts (`loss`, `eval_accuracy`, …)
Progress = Callable[[str, int, int, dict[str, Any]], None]


def silent(phase: str, done: int, total: int, facts: dict[str, Any]) -> None:
    """Tell nobody."""
