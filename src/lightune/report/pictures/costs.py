"""Accuracy against what it cost: time, memory, size, trained parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from markupsafe import Markup
from matplotlib.axes import Axes

from lightune.records import ArmResult, Frontier, Metric
from lightune.report import format as show
from lightune.report.document import HALF
from lightune.report.escape import short
from lightune.report.pictures.cast import Cast
from lightune.report.pictures.heights import Heights, heights
from lightune.report.pictures.panels import LogScale, log_scale, log_ticks, panel, text_width, title, words
from lightune.report.pictures.placing import Box, Spot, place
from lightune.report.pictures.prices import PRICES, Point, Price, points_of
from lightune.report.svg import INK, MUTED, PAGE, RULE, canvas, house_style, inline
from lightune.report.vocabulary import interval

_LEFT, _RIGHT, _TOP, _FOOT = 44, 8, 24, 31
# Of a panel at least, and for each arm; on a phone there is less room for names beside each other.
_HEIGHT, _HIGHER = 97, 130
_EACH, _EACH_HIGHER = 13, 17
_SIZE, _LINE, _CLEAR, _BESIDE = 12.0, 15.0, 2.0, 9.0

# Pixels from the left and from the top.
Place: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Panel:
    """One panel: what is on it and its scales."""

    price: Price
    points: Sequence[Point]
    across: LogScale
    heights: Heights
    intervals: Mapping[str, Metric]
    front: Sequence[str]

    def spot(self, point: Point) -> Place:
        """Where an arm stands, in pixels from the left and from the top."""
        return self.across.at(point.price), self.heights.of(point.arm, point.accuracy)

    def steps(self) -> list[Place]:
        """The corners of the front's line, on to the right edge; none without a front."""
        members = sorted((p for p in self.points if p.arm in self.front), key=lambda p: (p.price, p.accuracy))
        corners: list[Place] = []
        for x, y in map(self.spot, members):
            corners += [(x, corners[-1][1]), (x, y)] if corners else [(x, y)]
        return [*corners, (self.across.width, corners[-1][1])] if corners else []


@house_style()
def accuracy_against_cost(
    arms: Sequence[ArmResult],
    frontiers: Sequence[Frontier],
    cast: Cast,
    name: str,
    width: int,
    prices: Sequence[Price] = PRICES,
) -> Markup:
    """A panel for each cost, cheap at the left, on a logarithmic scale; the Pareto front as a line of steps.

    arms: done, with a cost and a defined accuracy; at least one. Each has its 95 % interval as a line. Of many arms
    those far below the others stand apart at the foot, with their accuracy beside their name.
    """
    small = width < HALF
    least, for_each = (_HIGHER, _EACH_HIGHER) if small else (_HEIGHT, _EACH)
    tall = max(least, for_each * len(arms))
    accuracies = {arm.name: arm.metrics["accuracy"] for arm in arms}
    scale = heights(accuracies, tall)
    each = round(_TOP + scale.tall + _FOOT)
    figure = canvas(width, each * len(prices))
    fronts = {frontier.cost: frontier.arms for frontier in frontiers}
    across = width - _LEFT - _RIGHT
    for at, price in enumerate(prices):
        points = points_of(arms, price)
        made = Panel(
            price,
            points,
            log_scale([point.price for point in points], across),
            scale,
            accuracies,
            fronts.get(price.key, ()),
        )
        _draw(panel(figure, _LEFT, at * each + _TOP, across, scale.tall), made, cast, 4 if small else 6)
    return inline(figure, name, _spoken(arms, frontiers, prices))


def broken_scales(arms: Sequence[ArmResult], prices: Sequence[Price] = PRICES) -> str:
    """Where the picture of these arms breaks a scale, in sentences for its caption; "" where it does not."""
    free = any(price.of(arm.cost) <= 0 for arm in arms if arm.cost is not None for price in prices)
    apart = heights({arm.name: arm.metrics["accuracy"] for arm in arms}, _HEIGHT).apart
    told = " What costs 0 stands left of the break: a logarithmic scale has no 0." if free else ""
    return told + (" Arms far below the others stand at the foot, not to scale." if apart else "")


def _draw(axes: Axes, made: Panel, cast: Cast, most: int) -> None:
    axes.set_xlim(0, made.across.width)
    axes.set_ylim(made.heights.tall, 0)
    ticks = log_ticks(made.across, made.price.unit, most)
    if made.across.start:
        ticks = [(made.across.at(0), "0"), *ticks]
    breaks = _breaks(made)
    for one, other in breaks:
        axes.plot([one[0], other[0]], [one[1], other[1]], color=MUTED, linewidth=1, linestyle=(0, (2, 3)), zorder=1)
    axes.set_xticks([at for at, _ in ticks], [text for _, text in ticks])
    shares = made.heights.ticks()
    axes.set_yticks([made.heights.down(share) for share in shares], [f"{share * 100:g} %" for share in shares])
    axes.grid(axis="both", color=RULE, linewidth=1)
    title(axes, made.price.title)
    front = made.steps()
    axes.plot([x for x, _ in front], [y for _, y in front], color=INK, linewidth=1.5, alpha=0.7)
    lines = [_box(one, other) for one, other in (*pairwise(front), *breaks)]
    lines += _intervals(axes, made, cast)
    for point in made.points:
        _mark(axes, made, point, cast)
    _labels(axes, made, lines)


def _breaks(made: Panel) -> list[tuple[Place, Place]]:
    """The dotted rules where a scale is broken, from end to end."""
    rules = []
    if made.across.start:
        x = made.across.start - 12
        rules.append(((x, 0.0), (x, made.heights.tall)))
    if made.heights.apart:
        y = made.heights.scale + 3
        rules.append(((0.0, y), (made.across.width, y)))
    return rules


def _box(one: Place, other: Place) -> Box:
    """What a line between two points takes."""
    left, right = sorted((one[0], other[0]))
    top, bottom = sorted((one[1], other[1]))
    return left - _CLEAR, top - _CLEAR, right + _CLEAR, bottom + _CLEAR


def _intervals(axes: Axes, made: Panel, cast: Cast) -> list[Box]:
    """Draw the interval of each arm that is on the scale; returns what they take."""
    boxes = []
    for point in made.points:
        metric = made.intervals[point.arm]
        if point.arm in made.heights.apart or not (show.defined(metric.low) and show.defined(metric.high)):
            continue
        x = made.across.at(point.price)
        ends = made.heights.down(metric.high), made.heights.down(metric.low)
        axes.plot([x, x], ends, color=cast.colour(point.arm), linewidth=2, alpha=0.45, zorder=1.5)
        boxes.append(_box((x, ends[0]), (x, ends[1])))
    return boxes


def _mark(axes: Axes, made: Panel, point: Point, cast: Cast) -> None:
    """A point: full on the front, hollow off it."""
    x, y = made.spot(point)
    colour = cast.colour(point.arm)
    full = point.arm in made.front or not made.front
    axes.plot(
        [x],
        [y],
        cast.marker(point.arm),
        ms=9 if full else 7.5,
        color=colour,
        markerfacecolor=colour if full else PAGE,
        markeredgecolor=colour,
        markeredgewidth=0 if full else 1.5,
        clip_on=False,
        zorder=3,
    )


def _labels(axes: Axes, made: Panel, lines: Sequence[Box]) -> None:
    """The names: in the rows apart on their row, elsewhere wherever there is room."""
    apart = [point for point in made.points if point.arm in made.heights.apart]
    for point in apart:
        text = f"{short(point.arm, 16)} {show.percent(point.accuracy)}"
        (x, y), across = made.spot(point), text_width(text, _SIZE)
        fits = x + _BESIDE + across <= made.across.width
        left = x + _BESIDE if fits else x - _BESIDE - across
        # The front's line may run along the row: it stops for the words.
        axes.plot([left - _CLEAR, left + across], [y, y], color=PAGE, linewidth=4, zorder=2.5)
        words(axes, left, y, text, size=_SIZE)
    on_scale = [point for point in made.points if point not in apart]
    names = [short(point.arm, 16) for point in on_scale]
    spots = [Spot(*made.spot(point), text_width(text, _SIZE)) for point, text in zip(on_scale, names, strict=True)]
    placed = place(spots, made.across.width, made.heights.scale, _LINE, lines)
    for spot, label, text in zip(spots, placed, names, strict=True):
        if label.far:
            # To the label's nearest end, so that the line runs under none of its letters.
            near = min(max(spot.x, label.x), label.x + spot.width)
            axes.plot([spot.x, near], [spot.y, label.y], color=MUTED, linewidth=0.8, zorder=1)
        words(axes, label.x, label.y, text, size=_SIZE)


def _spoken(arms: Sequence[ArmResult], frontiers: Sequence[Frontier], prices: Sequence[Price]) -> str:
    costs = "; ".join(
        f"{short(arm.name)}: {_accuracy(arm.metrics['accuracy'])}, "
        + ", ".join(price.write(price.of(arm.cost)) for price in prices)
        for arm in arms
        if arm.cost is not None
    )
    titles = {price.key: price.title.lower() for price in prices}
    fronts = "; ".join(
        f"of {titles[front.cost]}: {', '.join(short(arm) for arm in front.arms)}"
        for front in frontiers
        if front.arms and front.cost in titles
    )
    told = f" On the Pareto front {fronts}." if fronts else ""
    *others, last = titles.values()
    return f"Accuracy against {', '.join(others)} and {last}. {costs}.{told}"


def _accuracy(metric: Metric) -> str:
    ends = interval(metric, show.bare_percent)
    return f"{show.percent(metric.value)} ({ends})" if ends else show.percent(metric.value)
