"""Where the command line's words go: results to standard output, progress to standard error."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console


def console() -> Console:
    """Results for people."""
    return Console(soft_wrap=False, highlight=False)


def progress_console() -> Console:
    """Progress, beside the results."""
    return Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """One JSON value on a line of its own, without NaN."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()


def seconds(value: float) -> str:
    """Write a duration as people say it."""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
