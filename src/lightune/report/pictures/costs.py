"""Accuracy against what it cost: time, memory, size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lightune.records import ArmResult, Cost, Frontier
from lightune.report import format as show
from lightune.report.document import HALF
from lightune.report.escape import short
from lightune.report.pictures.cast import Cast
from lightune.report.pictures.panels import LogScale, each_span, log_scale, log_ticks, panel, text_width, title, words
from lightune.report.pictures.placing import Spot, place
from lightune.report.svg import INK, MUTED, RULE, canvas, house_style, inline

_LEFT, _RIGHT, _TOP, _FOOT = 44, 8, 24, 31
# Of a panel; on a phone there is less room for names beside each other.
_HEIGHT, _HIGHER = 97, 130
_SIZE, _LINE, _CLEAR = 12.0, 15.0, 2.0


@dataclass(frozen=True)
class Price:
    """One cost. key: that of `Frontier.cost`."""

    key: str
    title: str
    unit: Literal["seconds", "bytes"]
    of: Callable[[Cost], float]
    write: Callable[[float | None], str]


PRICES = (
    Price("seconds", "Time", "seconds", lambda cost: cost.fit_seconds + cost.predict_seconds, show.seconds),
    Price("peak_memory_bytes", "Peak memory", "bytes", lambda cost: cost.peak_memory_bytes, show.size),
    Price("artifact_bytes", "Saved size", "bytes", lambda cost: cost.artifact_bytes, show.size),
)


@dataclass(frozen=True)
class Point:
    """An arm in one panel."""

    arm: str
    price: float
    accuracy: float


@house_style()
def accuracy_against_cost(
    arms: Sequence[ArmResult], frontiers: Sequence[Frontier], cast: Cast, name: str, width: int
) -> Markup:
    """A panel for each cost, cheap at the left, on a logarithmic scale; the Pareto front as a line of steps.

    arms: done, with a cost and a defined accuracy; at least one.
    """
    tall = _HIGHER if width < HALF else _HEIGHT
    each = _TOP + tall + _FOOT
    figure = canvas(width, each * len(PRICES))
    low, high = each_span([arm.metrics["accuracy"].value for arm in arms], 0.1)
    high += (high - low) * 0.15  # Room for the label of the best arm.
    fronts = {frontier.cost: frontier.arms for frontier in frontiers}
    across = width - _LEFT - _RIGHT
    for place_, price in enumerate(PRICES):
        axes = panel(figure, _LEFT, place_ * each + _TOP, across, tall)
        points = points_of(arms, price)
        scale = log_scale([point.price for point in points], across)
        axes.set_xlim(0, across)
        _accuracy_axis(axes, low, high)
        ticks = log_ticks(scale, price.unit, 4 if width < HALF else 6)
        if any(point.price <= 0 for point in points):
            ticks = [(0.0, "0"), *ticks]
        axes.set_xticks([at for at, _ in ticks], [text for _, text in ticks])
        title(axes, price.title)
        front = front_of(points, fronts.get(price.key, ()), scale)
        axes.plot([x for x, _ in front], [y for _, y in front], color=INK, linewidth=1.5, alpha=0.7)
        _points(axes, points, scale, cast, fronts.get(price.key, ()))
        _labels(axes, points, Frame(scale, low, high, tall), front)
    return inline(figure, name, _spoken(arms, frontiers))


def points_of(arms: Sequence[ArmResult], price: Price) -> list[Point]:
    """Each arm with what it cost."""
    return [Point(arm.name, price.of(arm.cost), arm.metrics["accuracy"].value) for arm in arms if arm.cost is not None]


def _accuracy_axis(axes: Axes, low: float, high: float) -> None:
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value * 100:g} %")
    axes.grid(axis="both", color=RULE, linewidth=1)


def front_of(points: Sequence[Point], names: Sequence[str], scale: LogScale) -> list[tuple[float, float]]:
    """The corners of the front's steps, (pixels to the right, accuracy), on to the right edge; none without a front."""
    members = sorted((p for p in points if p.arm in names), key=lambda point: (point.price, point.accuracy))
    corners: list[tuple[float, float]] = []
    for point in members:
        if corners:
            corners.append((scale.at(point.price), corners[-1][1]))
        corners.append((scale.at(point.price), point.accuracy))
    return [*corners, (scale.width, corners[-1][1])] if corners else []


def _points(axes: Axes, points: Sequence[Point], scale: LogScale, cast: Cast, front: Sequence[str]) -> None:
    for point in points:
        axes.plot(
            [scale.at(point.price)],
            [point.accuracy],
            cast.marker(point.arm),
            ms=9,
            color=cast.colour(point.arm),
            markeredgewidth=0,
            alpha=1 if point.arm in front else 0.75,
            clip_on=False,
        )


@dataclass(frozen=True)
class Frame:
    """What a panel shows: prices to the right, accuracies from low to high upwards, on `tall` pixels."""

    scale: LogScale
    low: float
    high: float
    tall: float

    def down(self, accuracy: float) -> float:
        """Pixels from the panel's top."""
        return self.tall * (self.high - accuracy) / (self.high - self.low)

    def up(self, pixels: float) -> float:
        """The accuracy at so many pixels from the top."""
        return self.high - pixels * (self.high - self.low) / self.tall


def _labels(axes: Axes, points: Sequence[Point], frame: Frame, front: Sequence[tuple[float, float]]) -> None:
    names = [short(point.arm, 16) for point in points]
    spots = [
        Spot(frame.scale.at(point.price), frame.down(point.accuracy), text_width(text, _SIZE))
        for point, text in zip(points, names, strict=True)
    ]
    lines = [
        (
            one[0] - _CLEAR,
            frame.down(max(one[1], other[1])) - _CLEAR,
            other[0] + _CLEAR,
            frame.down(min(one[1], other[1])) + _CLEAR,
        )
        for one, other in pairwise(front)
    ]
    placed = place(spots, frame.scale.width, frame.tall, _LINE, lines)
    for spot, label, text in zip(spots, placed, names, strict=True):
        if label.far:
            ends = [spot.x, label.x + spot.width / 2], [frame.up(spot.y), frame.up(label.y)]
            axes.plot(*ends, color=MUTED, linewidth=0.8, zorder=1)
        words(axes, label.x, frame.up(label.y), text, size=_SIZE)


def _spoken(arms: Sequence[ArmResult], frontiers: Sequence[Frontier]) -> str:
    costs = "; ".join(
        f"{short(arm.name)}: {show.percent(arm.metrics['accuracy'].value)}, "
        + ", ".join(price.write(price.of(arm.cost)) for price in PRICES)
        for arm in arms
        if arm.cost is not None
    )
    titles = {price.key: price.title.lower() for price in PRICES}
    fronts = "; ".join(
        f"of {titles.get(front.cost, short(front.cost))}: {', '.join(short(arm) for arm in front.arms)}"
        for front in frontiers
        if front.arms
    )
    told = f" On the Pareto front {fronts}." if fronts else ""
    return f"Accuracy against time, peak memory and saved size. {costs}.{told}"
