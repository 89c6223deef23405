"""What the pictures share: panels placed in CSS pixels, words, ticks of a logarithmic scale, labels that keep apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lightune.report import format as show
from lightune.report.svg import DPI, INK, RULE, quiet_axes

_MINUTE, _HOUR = 60.0, 3600.0
_FINE = (1, 1.5, 2, 3, 4, 5, 6, 8)
_SECONDS = tuple(
    [each * 10.0**power for power in range(-4, 1) for each in _FINE]
    + [10.0 * each for each in (1, 1.5, 2, 3, 4, 5)]
    + [_MINUTE * each for each in (*_FINE, 10, 15, 20, 30, 40)]
    + [_HOUR * each * 10.0**power for power in range(5) for each in _FINE]
)
_BYTES = tuple(
    scale * each * ten for scale in (1, 2**10, 2**20, 2**30, 2**40) for ten in (1, 10, 100) for each in _FINE
)
_ROUND = (1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0, _MINUTE, 10 * _MINUTE, _HOUR, 10 * _HOUR, 100 * _HOUR)
_ROUND_BYTES = tuple(scale * ten for scale in (1, 2**10, 2**20, 2**30, 2**40) for ten in (1, 10, 100))
_ROUND_COUNTS = tuple(10.0**power for power in range(13))
_COUNTS = tuple(each * 10.0**power for power in range(13) for each in _FINE)
# Where 0 stands on a logarithmic scale that has it, and where that scale begins, in pixels.
_ZERO, _BREAK = 8.0, 36.0
_EDGE = 12.0


def panel(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Quiet axes at that place of the figure, counted from its upper left corner, all in CSS pixels."""
    across, down = (side * DPI for side in figure.get_size_inches())
    axes = figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))
    quiet_axes(axes)
    return axes


def words(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    side: Literal["left", "center", "right"] = "left",
    weight: str = "normal",
    size: float = 13,
    colour: str = INK,
) -> None:
    """Text at a place in data coordinates, its middle at y. Never read as a formula."""
    axes.text(x, y, text, ha=side, va="center", color=colour, fontweight=weight, fontsize=size, parse_math=False)


def title(axes: Axes, text: str, size: float = 13) -> None:
    """A panel's title, at its left."""
    axes.set_title(text, loc="left", fontsize=size, fontweight="bold", color=INK, parse_math=False)


def percent_axis(axes: Axes, side: Literal["x", "y"], low: float, high: float) -> None:
    """Shares as per cent on one axis, with faint lines."""
    axis = axes.xaxis if side == "x" else axes.yaxis
    (axes.set_xlim if side == "x" else axes.set_ylim)(low, high)
    axis.set_major_formatter(lambda value, _: f"{value * 100:g} %")
    axes.grid(axis=side, color=RULE, linewidth=1)


@dataclass(frozen=True)
class LogScale:
    """Values from low to high on `start` to `width` pixels, evenly in their logarithms.

    A logarithmic scale has no 0: what is 0 stands by itself at the left, before `start`, where a break is drawn.
    """

    low: float
    high: float
    width: float
    start: float = 0.0

    def at(self, value: float) -> float:
        """Where a value stands, in pixels."""
        if value <= 0:
            return min(_ZERO, self.start)
        share = (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return self.start + (self.width - self.start) * share


def log_scale(values: Sequence[float], width: float) -> LogScale:
    """A scale that holds all values with some air at both ends, and room for 0 where one of them is that."""
    positive = [value for value in values if value > 0] or [1.0]
    low, high = min(positive), max(positive)
    air = max((high / low) ** 0.09, 1.4)
    return LogScale(low / air, high * air, width, _BREAK if min(values, default=1) <= 0 else 0.0)


def log_ticks(scale: LogScale, kind: Literal["seconds", "bytes", "count"], most: int) -> list[tuple[float, str]]:
    """Round values on the scale with their names: two at least, `most` at most."""
    round_ones, finer, write = _TICKS[kind]

    def inside(values: Sequence[float]) -> list[float]:
        # Not so near the right end that a name would stand out of the picture.
        return [value for value in values if scale.low <= value and scale.at(value) <= scale.width - _EDGE]

    values = inside(round_ones)
    if len(values) < 2:
        values = inside(finer)[:: 2 if len(inside(finer)) > 2 * most else 1]
    stride = math.ceil(len(values) / most) or 1
    return [(scale.at(value), write(value)) for value in values[::stride]]


def brief_seconds(value: float) -> str:
    """A round time for a tick: "10 s", "1 min", "2 h"."""
    for unit, name in ((_HOUR, "h"), (_MINUTE, "min"), (1.0, "s"), (1e-3, "ms")):
        if value >= unit * 0.999:
            return f"{value / unit:g}{show.SPACE}{name}"
    return f"{value:g}{show.SPACE}s"


def brief_bytes(value: float) -> str:
    """A round size for a tick: "10 MiB"."""
    for unit, name in ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if value >= unit:
            return f"{value / unit:g}{show.SPACE}{name}"
    return f"{value:g} B"


def brief_count(value: float) -> str:
    """A round number for a tick: "100", "10k", "3M"."""
    for unit, name in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


_TICKS = {
    "seconds": (_ROUND, _SECONDS, brief_seconds),
    "bytes": (_ROUND_BYTES, _BYTES, brief_bytes),
    "count": (_ROUND_COUNTS, _COUNTS, brief_count),
}


def text_width(text: str, size: float) -> float:
    """About how many pixels a text is wide; the page's own font decides."""
    return 0.6 * size * len(text)


def each_span(values: Sequence[float], air: float = 0.06) -> tuple[float, float]:
    """The least and the largest share with some air, never far beyond 0 and 1."""
    defined = [value for value in values if show.defined(value)] or [0.0, 1.0]
    low, high = min(defined), max(defined)
    gap = max(0.01, (high - low) * air)
    return max(low - gap, -0.01), min(high + gap, 1.01)


def grid_of(count: int, width: int, least: int) -> tuple[int, float]:
    """How many panels of at least `least` pixels stand side by side, and how wide each may be."""
    columns = max(1, min(count, width // least))
    return columns, width / columns
