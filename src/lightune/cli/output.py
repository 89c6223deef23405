"""Where the command line's words go: results to standard output, progress to standard error.

What a terminal would obey instead of showing it (escapes, control characters) does not get there from texts, labels and
names: each way out replaces it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from lightune.printable import json_line, printable


class PlainConsole(Console):
    """A console on which words mean nothing: no markup, no emoji codes, no escapes but rich's own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Whatever is printed comes through here, each nested part too."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else printable(text), style, control)


def console() -> Console:
    """Results for people."""
    return PlainConsole()


def progress_console() -> Console:
    """Progress, beside the results."""
    return PlainConsole(stderr=True)


def print_json(value: Any) -> None:
    """One JSON value on a line of its own, without NaN. Raises ValueError where it holds one."""
    sys.stdout.write(json_line(value, allow_nan=False) + "\n")
    sys.stdout.flush()


def seconds(value: float) -> str:
    """Write a duration as people say it."""
    if value < 60:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min" if value < 3600 else f"{value / 3600:.1f} h"
