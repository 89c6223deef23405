"""Reliability curves: how often an arm is right by how sure it is."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from lightune.records import Calibration
from lightune.report import format as show
from lightune.report.escape import short
from lightune.report.pictures.cast import Cast
from lightune.report.pictures.panels import grid_of, panel, percent_axis, title
from lightune.report.svg import MUTED, canvas, house_style, inline

_LEAST, _LEFT, _RIGHT, _TOP, _FOOT = 170, 46, 20, 26, 32


@house_style()
def reliability(arms: Mapping[str, Calibration], cast: Cast, name: str, width: int) -> Markup:
    """A panel for each arm: confidence to the right, share right upwards, each bin with its interval.

    arms: by name, each with bins; at least one.
    """
    columns, across = grid_of(len(arms), width, _LEAST)
    across = min(across, 230)
    side = across - _LEFT - _RIGHT
    each = _TOP + side + _FOOT
    figure = canvas(width, round(each * -(-len(arms) // columns)))
    low = min(_lowest(calibration) for calibration in arms.values())
    for place, (arm, calibration) in enumerate(arms.items()):
        axes = panel(figure, place % columns * across + _LEFT, place // columns * each + _TOP, side, side)
        percent_axis(axes, "x", low, 1.03)
        percent_axis(axes, "y", low, 1.03)
        axes.set_xticks(ticks := [value for value in (0, 0.5, 1) if value >= low])
        axes.set_yticks(ticks)
        axes.plot([low, 1], [low, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        colour = cast.colour(arm)
        bins = [bin_ for bin_ in calibration.bins if show.defined(bin_.accuracy.value)]
        for bin_ in bins:
            ends = [bin_.accuracy.low, bin_.accuracy.high]
            axes.plot([bin_.confidence] * 2, ends, color=colour, linewidth=2, alpha=0.5)
        axes.plot(
            [bin_.confidence for bin_ in bins],
            [bin_.accuracy.value for bin_ in bins],
            "-" + cast.marker(arm),
            color=colour,
            linewidth=1.5,
            ms=5,
        )
        title(axes, short(arm, 18), 12)
    return inline(figure, name, "Reliability curves. " + "; ".join(_spoken(*pair) for pair in arms.items()))


def _lowest(calibration: Calibration) -> float:
    ends = [end for bin_ in calibration.bins for end in (bin_.confidence, bin_.accuracy.low) if show.defined(end)]
    return max(-0.03, min(ends, default=0.0) - 0.05)


def _spoken(arm: str, calibration: Calibration) -> str:
    bins = ", ".join(
        f"{show.percent(bin_.confidence, 0)} sure and {show.percent(bin_.accuracy.value, 0)} right"
        for bin_ in calibration.bins
    )
    return f"{short(arm)}: {bins}"
