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
    """One JSON value on a line of its own, without NaN. Half a surrogate pair, which is no Unicode, is escaped."""
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if any("\ud800" <= character <= "\udfff" for character in line):
        line = json.dumps(value, allow_nan=False)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def seconds(value: float) -> str:
    """Write a duration as people say it."""
    if value < 60:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min" if value < 3600 else f"{value / 3600:.1f} h"
