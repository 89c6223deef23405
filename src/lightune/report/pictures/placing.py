"""Labels beside the points of a scatter plot, so that none covers another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

_GAP, _DOT, _ASIDE = 9.0, 6.0, 40.0
_ROUNDS = 8
# What it costs, in square pixels of a point covered, that a label stands far from its point (and for each pixel that it
# does), or no nearer to it than to another.
_FAR, _FARTHER, _MISTAKEN = 40.0, 0.8, 60.0
# What a square pixel of a line or of another label costs, beside one of a point: words on words cannot be read.
_LINE, _WORDS = 0.2, 4.0
# And each label that is touched at all, or the panel's edge, however little.
_TOUCHED = 150.0
_STEPS = (1.8, 2.6, 3.4, 4.2, 5.0, 6.0, 7.0, 8.0, 9.5, 11.0)

Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True)
class Spot:
    """A point in pixels and how wide its label is."""

    x: float
    y: float
    width: float


@dataclass(frozen=True)
class Placed:
    """Where a label begins (its left end, its middle). far: it stands so far off that a line should lead to it."""

    x: float
    y: float
    far: bool


def place(spots: Sequence[Spot], width: float, height: float, line: float, taken: Sequence[Box] = ()) -> list[Placed]:
    """A place for each label in a panel of that size, `line` pixels high each.

    taken: boxes (left, top, right, bottom) of lines to keep off. Each label takes in turn the place that covers least
    of these, of the other labels and of the points, the nearest of equals; a few rounds of that part even a crowd.
    """
    chosen = [_candidates(spot, line, width)[0] for spot in spots]
    dots = [(spot.x - _DOT, spot.y - _DOT, spot.x + _DOT, spot.y + _DOT) for spot in spots]
    for _ in range(_ROUNDS):
        before = list(chosen)
        for at, spot in enumerate(spots):
            others = [_box(chosen[i], spots[i].width, line) for i in range(len(spots)) if i != at]
            strangers = [other for other in spots if other is not spot]
            chosen[at] = _best(spot, line, _Crowd(others, dots, taken, strangers, (width, height)))
        if chosen == before:
            break
    return chosen


def _candidates(spot: Spot, line: float, width: float) -> list[Placed]:
    right, left, middle = spot.x + _GAP, spot.x - _GAP - spot.width, spot.x - spot.width / 2
    near = [
        Placed(right, spot.y, False),
        Placed(left, spot.y, False),
        Placed(middle, spot.y - line, False),
        Placed(middle, spot.y + line, False),
    ]
    for step in (0.7, 1.0):
        near += [Placed(x, spot.y + sign * step * line, False) for sign in (-1, 1) for x in (right, left)]
    far = [
        Placed(min(max(x, 0.0), max(0.0, width - spot.width)), spot.y + sign * step * line, True)
        for step in _STEPS
        for sign in (-1, 1)
        for x in (right, left, middle, right + _ASIDE, left - _ASIDE)
    ]
    return near + far


def _box(placed: Placed, width: float, line: float) -> Box:
    return placed.x, placed.y - line / 2, placed.x + width, placed.y + line / 2


def _best(spot: Spot, line: float, crowd: _Crowd) -> Placed:
    """The cheapest place, the first of equals; the far ones are looked at only where they may be cheaper."""
    best, least = None, math.inf
    for each in _candidates(spot, line, crowd.panel[0]):
        if each.far and best is not None and least <= _FAR:
            break
        cost = _cost(each, spot, line, crowd)
        if cost < least:
            best, least = each, cost
    assert best is not None
    return best


@dataclass(frozen=True)
class _Crowd:
    """What a label has to keep off: other labels, points, lines, other labels' points, the panel's edge."""

    labels: Sequence[Box]
    dots: Sequence[Box]
    lines: Sequence[Box]
    strangers: Sequence[Spot]
    panel: tuple[float, float]


def _cost(placed: Placed, spot: Spot, line: float, crowd: _Crowd) -> float:
    """How much is covered, in square pixels; what stands out of the panel counts three times."""
    box = _box(placed, spot.width, line)
    width, height = crowd.panel
    inside = (max(0.0, box[0]), max(0.0, box[1]), min(width, box[2]), min(height, box[3]))
    outside = _area(box) - _shared(box, inside)
    words = [shared for other in crowd.labels if (shared := _shared(box, other)) > 0]
    covered = sum(_shared(box, other) for other in crowd.dots) + 3 * outside + _WORDS * sum(words)
    covered += _TOUCHED * (len(words) + (outside > 0.5))
    lines = sum(_shared(box, other) for other in crowd.lines)
    mistaken = any(_distance(box, other) <= _distance(box, spot) + _GAP for other in crowd.strangers)
    far = _FAR + _FARTHER * _distance(box, spot) if placed.far else 0.0
    return covered + _LINE * lines + far + _MISTAKEN * mistaken


def _distance(box: Box, spot: Spot) -> float:
    """From a point to the nearest edge of a box; 0 within it."""
    return math.hypot(max(box[0] - spot.x, 0, spot.x - box[2]), max(box[1] - spot.y, 0, spot.y - box[3]))


def _shared(one: Box, other: Box) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return across * down if across > 0 and down > 0 else 0.0


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
