"""Learning curves: accuracy by training rows, the law through it, and what twice the rows would give."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lightune.records import Curve
from lightune.report import format as show
from lightune.report.document import WIDE
from lightune.report.escape import short
from lightune.report.pictures.cast import Cast
from lightune.report.pictures.panels import each_span, grid_of, panel, percent_axis, title
from lightune.report.svg import MUTED, PAGE, canvas, house_style, inline

_LEAST, _LEFT, _TOP, _HEIGHT, _FOOT = 230, 48, 26, 170, 52
_STEPS = 60


@house_style()
def learning_curves(curves: Sequence[Curve], cast: Cast, name: str, width: int) -> Markup:
    """A panel for each arm, all on the same scales.

    curves: with points; at least one.
    """
    columns, across = grid_of(len(curves), width, _LEAST)
    across = min(across, 460)
    each = _TOP + _HEIGHT + _FOOT
    figure = canvas(width, each * -(-len(curves) // columns))
    low, high = each_span([value for curve in curves for value in _shown(curve)])
    sizes = sorted({point.train_size for curve in curves for point in curve.points})
    for place, curve in enumerate(curves):
        axes = panel(
            figure, place % columns * across + _LEFT, place // columns * each + _TOP, across - _LEFT - 14, _HEIGHT
        )
        percent_axis(axes, "y", low, high)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
        axes.set_xlim(math.log(sizes[0]) - 0.15, math.log(2 * sizes[-1]) + 0.2)
        ticks = _ticks(sizes, 4 if width < WIDE or columns > 1 else 8)
        axes.set_xticks([math.log(size) for size in ticks], [show.count(size) for size in ticks])
        axes.set_xlabel("training rows", color=MUTED, fontsize=12)
        _draw(axes, curve, cast)
        title(axes, short(curve.arm, 30))
    return inline(figure, name, "Learning curves. " + "; ".join(_spoken(curve) for curve in curves))


def law(curve: Curve, rows: float) -> float:
    """The accuracy that the fitted curve has at so many rows."""
    return curve.fitted["ceiling"] - curve.fitted["gap"] * math.pow(rows, -curve.fitted["rate"])


def _draw(axes: Axes, curve: Curve, cast: Cast) -> None:
    colour = cast.colour(curve.arm)
    for point in curve.points:
        at = math.log(point.train_size)
        values = [value for value in point.accuracy if show.defined(value)]
        if len(values) > 1:
            axes.plot([at] * len(values), values, "o", ms=5, markerfacecolor="none", markeredgecolor=colour)
        if values:
            axes.plot([at], [sum(values) / len(values)], "o", ms=7, color=colour, markeredgewidth=0)
    if not curve.fitted:
        return
    first, last = curve.points[0].train_size, curve.points[-1].train_size
    span = [first * (last / first) ** (step / _STEPS) for step in range(_STEPS + 1)]
    axes.plot([math.log(rows) for rows in span], [law(curve, rows) for rows in span], color=colour, linewidth=1.5)
    ahead = [last, 1.4 * last, 2 * last]
    axes.plot([math.log(n) for n in ahead], [law(curve, n) for n in ahead], ":", color=colour, linewidth=1.5)
    if curve.doubling is not None:
        here, end, more = law(curve, last), math.log(2 * last), curve.doubling
        axes.plot([end] * 2, [here + more.low, here + more.high], color=colour, linewidth=2, alpha=0.5)
        axes.plot([end], [here + more.value], "D", ms=8, markerfacecolor=PAGE, markeredgecolor=colour)


def _shown(curve: Curve) -> list[float]:
    values = [value for point in curve.points for value in point.accuracy]
    if curve.fitted and curve.doubling is not None:
        here = law(curve, curve.points[-1].train_size)
        values += [here + curve.doubling.low, here + curve.doubling.high]
    return values


def _ticks(sizes: Sequence[int], most: int) -> list[int]:
    """Some of the sizes, the largest among them."""
    stride = math.ceil(len(sizes) / most) or 1
    return list(sizes[::-1][::stride][::-1])


def _spoken(curve: Curve) -> str:
    points = ", ".join(
        f"{show.count(point.train_size)} rows {show.percent(sum(point.accuracy) / len(point.accuracy))}"
        for point in curve.points
        if point.accuracy
    )
    return f"{short(curve.arm)}: {points}"
