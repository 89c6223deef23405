"""The ladder: accuracy of every arm on the same test rows."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from lightune.records import ArmResult
from lightune.report import format as show
from lightune.report.document import HALF
from lightune.report.escape import short
from lightune.report.pictures.cast import Cast
from lightune.report.pictures.panels import each_span, panel, percent_axis, words
from lightune.report.runs import seed_accuracies
from lightune.report.svg import INK, canvas, house_style, inline
from lightune.report.vocabulary import interval

_ROW, _FOOT, _EDGE = 46, 30, 12


@house_style()
def ladder(arms: Sequence[ArmResult], cast: Cast, name: str, width: int, rings: bool = True) -> Markup:
    """Accuracy of the arms, a row each: a dot, its interval as a line, each seed as a small ring.

    arms: done, with a defined accuracy; at least one. They stand from top to bottom in the order given. rings: whether
    to draw the runs; those of a cross-validation have different test rows and are no seeds.
    """
    height = _ROW * len(arms) + _FOOT
    figure = canvas(width, height)
    axes = panel(figure, _EDGE, 0, width - 2 * _EDGE, height - _FOOT)
    low, high = _span(arms, rings)
    percent_axis(axes, "x", low, high)
    axes.set_ylim(len(arms), 0)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4 if width < HALF else 7, steps=[1, 2, 2.5, 5, 10]))
    for row, arm in enumerate(arms):
        accuracy, colour, y = arm.metrics["accuracy"], cast.colour(arm.name), row + 0.68
        if show.defined(accuracy.low) and show.defined(accuracy.high):
            axes.plot([accuracy.low, accuracy.high], [y, y], color=colour, linewidth=3, alpha=0.55)
        runs = seed_accuracies(arm) if rings else []
        if len(runs) > 1:
            axes.plot(runs, [y] * len(runs), "o", ms=6, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=1)
        axes.plot([accuracy.value], [y], cast.marker(arm.name), ms=10, color=colour, markeredgewidth=0)
        said = f"{show.percent(accuracy.value)} ({interval(accuracy, show.bare_percent)})"
        words(axes, low, row + 0.3, short(arm.name, 20 if width < HALF else 38), weight="bold")
        words(axes, high, row + 0.3, said, "right")
    alternative = "Accuracy of each arm with its 95 % interval. " + "; ".join(
        f"{short(arm.name)}: {_spoken(arm)}" for arm in arms
    )
    return inline(figure, name, alternative)


def _span(arms: Sequence[ArmResult], rings: bool) -> tuple[float, float]:
    """The accuracies to show, with some air on both sides."""
    metrics = [arm.metrics["accuracy"] for arm in arms]
    return each_span(
        [end for metric in metrics for end in (metric.value, metric.low, metric.high)]
        + [value for arm in arms for value in (seed_accuracies(arm) if rings else ())]
    )


def _spoken(arm: ArmResult) -> str:
    accuracy = arm.metrics["accuracy"]
    return f"{show.percent(accuracy.value)}, {interval(accuracy, show.bare_percent)}"
