"""A forest plot: the accuracy of a few arms on parts of the test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lightune.records import Metric, Slice
from lightune.report import format as show
from lightune.report.document import WIDE
from lightune.report.escape import capital, short
from lightune.report.pictures.cast import Cast
from lightune.report.pictures.panels import each_span, panel, percent_axis, words
from lightune.report.svg import INK, MUTED, RULE, canvas, house_style, inline
from lightune.report.vocabulary import interval, slice_group

_HEAD, _FOOT, _LINE, _AIR, _KEY = 30, 30, 16, 12, 30


@house_style()
def forest(slices: Sequence[Slice], arms: Sequence[str], cast: Cast, name: str, width: int) -> Markup:
    """A row for each slice under its group's name, a dot with an interval for each of `arms`.

    slices: in the order of the page, those of a group together; at least one. arms: one to three of them.
    """
    label_width = 0.3 * width if width >= WIDE else 0.36 * width
    row = _LINE * len(arms) + _AIR
    places, height = _places(slices, row)
    figure = canvas(width, round(_KEY + height + _FOOT))
    axes = panel(figure, label_width, _KEY, width - label_width - 10, height)
    low, high = each_span([end for each in slices for arm in arms for end in _ends(each.accuracy.get(arm))])
    percent_axis(axes, "x", low, high)
    axes.set_ylim(height, 0)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4 if width < WIDE else 8, steps=[1, 2, 2.5, 5, 10]))
    margin = low - (high - low) * (label_width - 2) / (width - label_width - 10)
    group = None
    for each, top in zip(slices, places, strict=True):
        if each.group != group:
            group = each.group
            axes.plot([margin, high], [top - _HEAD + 6] * 2, color=RULE, linewidth=1, clip_on=False)
            words(axes, margin, top - _HEAD / 2 + 4, capital(slice_group(group)), weight="bold")
        words(axes, margin, top + row / 2 - 6, short(each.name, round(label_width / 7.6)), size=12)
        for at, arm in enumerate(arms):
            _dot(axes, each.accuracy.get(arm), top + at * _LINE + _LINE / 2, arm, cast)
    _key(figure.add_axes((0, 1 - _KEY / (_KEY + height + _FOOT), 1, _KEY / (_KEY + height + _FOOT))), arms, cast, width)
    return inline(figure, name, _spoken(slices, arms))


def _places(slices: Sequence[Slice], row: float) -> tuple[list[float], float]:
    """Where each slice begins, from the top, and how high all are; a new group has its name above it."""
    places, at, group = [], 0.0, None
    for each in slices:
        if each.group != group:
            group, at = each.group, at + _HEAD
        places.append(at)
        at += row
    return places, at


def _ends(metric: Metric | None) -> tuple[float, ...]:
    return (metric.value, metric.low, metric.high) if metric is not None else ()


def _dot(axes: Axes, metric: Metric | None, y: float, arm: str, cast: Cast) -> None:
    if metric is None or not show.defined(metric.value):
        return
    colour = cast.colour(arm)
    if show.defined(metric.low) and show.defined(metric.high):
        axes.plot([metric.low, metric.high], [y, y], color=colour, linewidth=2.5, alpha=0.5)
    axes.plot([metric.value], [y], cast.marker(arm), ms=7, color=colour, markeredgewidth=0)


def _key(axes: Axes, arms: Sequence[str], cast: Cast, width: int) -> None:
    """Which mark is which arm, above the plot."""
    axes.axis("off")
    axes.set_xlim(0, width)
    axes.set_ylim(0, 1)
    at = 8.0
    for arm in arms:
        text = short(arm, 18)
        axes.plot([at], [0.5], cast.marker(arm), ms=7, color=cast.colour(arm), markeredgewidth=0)
        words(axes, at + 10, 0.5, text, colour=INK if arm == arms[0] else MUTED, size=12)
        at += 8 * len(text) + 34


def _spoken(slices: Sequence[Slice], arms: Sequence[str]) -> str:
    told = "; ".join(f"{slice_group(each.group)}, {short(each.name)}: {_each(each.accuracy, arms)}" for each in slices)
    return f"Accuracy on parts of the test rows with 95 % intervals. {told}"


def _each(accuracy: Mapping[str, Metric], arms: Sequence[str]) -> str:
    return ", ".join(
        f"{short(arm)} {show.percent(accuracy[arm].value)} ({interval(accuracy[arm], show.bare_percent)})"
        for arm in arms
        if arm in accuracy
    )
