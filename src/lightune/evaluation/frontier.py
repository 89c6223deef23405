"""Accuracy against cost: the arms that no other one beats in both."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from lightune.records import ArmResult, Cost, Frontier

COSTS: Mapping[str, Callable[[Cost], float]] = MappingProxyType(
    {
        "seconds": lambda cost: cost.fit_seconds + cost.predict_seconds,
        "peak_memory_bytes": lambda cost: cost.peak_memory_bytes,
        "artifact_bytes": lambda cost: cost.artifact_bytes,
        "trainable_parameters": lambda cost: cost.trainable_parameters,
        "fit_seconds": lambda cost: cost.fit_seconds,
    }
)


def frontiers(arms: Sequence[ArmResult]) -> tuple[Frontier, ...]:
    """Return the Pareto front of accuracy and each cost in COSTS, cheapest first, of equals the first in `arms` first.

    An arm is on the front unless another one is at least as good in both and better in one; so arms that are equal in
    both all stay. Arms that are not `done`, or without that cost or an accuracy, are left out; so is a front without
    any arm. A cost of 0 is a cost like any other: an arm that trains nothing is the cheapest in trainable parameters.
    """
    found = (Frontier(cost, _front(_places(arms, of))) for cost, of in COSTS.items())
    return tuple(frontier for frontier in found if frontier.arms)


@dataclass(frozen=True)
class _Place:
    arm: str
    cost: float
    accuracy: float

    def beats(self, other: _Place) -> bool:
        no_worse = self.cost <= other.cost and self.accuracy >= other.accuracy
        return no_worse and (self.cost < other.cost or self.accuracy > other.accuracy)


def _places(arms: Sequence[ArmResult], of: Callable[[Cost], float]) -> list[_Place]:
    places = [
        _Place(arm.name, of(arm.cost), arm.metrics["accuracy"].value)
        for arm in arms
        if arm.status == "done" and arm.cost is not None and "accuracy" in arm.metrics
    ]
    return [place for place in places if math.isfinite(place.cost) and math.isfinite(place.accuracy)]


def _front(places: Sequence[_Place]) -> tuple[str, ...]:
    unbeaten = [place for place in places if not any(other.beats(place) for other in places)]
    return tuple(place.arm for place in sorted(unbeaten, key=lambda place: place.cost))
