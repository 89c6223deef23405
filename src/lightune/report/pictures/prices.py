"""The costs that accuracy is drawn against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from lightune.records import ArmResult, Cost
from lightune.report import format as show


@dataclass(frozen=True)
class Price:
    """One cost. key: that of `Frontier.cost`."""

    key: str
    title: str
    unit: Literal["seconds", "bytes", "count"]
    of: Callable[[Cost], float]
    write: Callable[[float | None], str]


_MEMORY = Price("peak_memory_bytes", "Peak memory", "bytes", lambda cost: cost.peak_memory_bytes, show.size)
_TRAINED = Price(
    "trainable_parameters", "Trained parameters", "count", lambda cost: cost.trainable_parameters, show.count
)
# What an arm costs, of whatever kind it is.
PRICES = (
    Price("seconds", "Time", "seconds", lambda cost: cost.fit_seconds + cost.predict_seconds, show.seconds),
    _MEMORY,
    Price("artifact_bytes", "Saved size", "bytes", lambda cost: cost.artifact_bytes, show.size),
    _TRAINED,
)
# What methods of fine-tuning are told apart by: they take about as long to answer.
METHOD_PRICES = (
    _TRAINED,
    Price("fit_seconds", "Training time", "seconds", lambda cost: cost.fit_seconds, show.seconds),
    _MEMORY,
)


@dataclass(frozen=True)
class Point:
    """An arm in one panel."""

    arm: str
    price: float
    accuracy: float


def points_of(arms: Sequence[ArmResult], price: Price) -> list[Point]:
    """Each arm with what it cost."""
    return [Point(arm.name, price.of(arm.cost), arm.metrics["accuracy"].value) for arm in arms if arm.cost is not None]
