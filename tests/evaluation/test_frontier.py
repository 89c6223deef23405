from __future__ import annotations

import math

import pytest

from lightune.evaluation import frontiers
from lightune.records import ArmResult, Cost, Frontier

from .ladder import arm

PARAMETERS = (("lora", 0.9, 50), ("full", 0.9, 100), ("probe", 0.8, 2), ("pretrained", 0.5, 0), ("majority", 0.4, 0))


def costing(name: str, accuracy: float, seconds: float, memory: int = 1, size: int = 1) -> ArmResult:
    return arm(name, accuracy, cost=Cost(seconds - 1, 1.0, 0, 0, memory, size))


def test_an_arm_stays_unless_another_beats_it() -> None:
    arms = [
        costing("full", 0.90, 100, memory=900, size=500),
        costing("lora", 0.90, 50, memory=700, size=5),
        costing("tfidf", 0.88, 3, memory=300, size=20),
        costing("probe", 0.85, 20, memory=600, size=4),
        costing("majority", 0.50, 2, memory=200, size=1),
    ]
    assert frontiers(arms) == (
        Frontier("seconds", ("majority", "tfidf", "lora")),
        Frontier("peak_memory_bytes", ("majority", "tfidf", "lora")),
        Frontier("artifact_bytes", ("majority", "probe", "lora")),
        Frontier("trainable_parameters", ("full", "lora")),
        Frontier("fit_seconds", ("majority", "tfidf", "lora")),
    )


def test_an_arm_that_trains_nothing_is_the_cheapest_in_parameters() -> None:
    arms = [arm(name, right, cost=Cost(1, 1, trained, 100, 1, 1)) for name, right, trained in PARAMETERS]
    front = next(front for front in frontiers(arms) if front.cost == "trainable_parameters")
    assert front.arms == ("pretrained", "probe", "lora")


def test_seconds_are_those_of_fit_and_predict() -> None:
    slow = arm("slow to answer", 0.8, cost=Cost(1.0, 9.0, 0, 0, 1, 1))
    quick = arm("quick to answer", 0.8, cost=Cost(5.0, 1.0, 0, 0, 1, 1))
    assert frontiers([slow, quick])[0] == Frontier("seconds", ("quick to answer",))


@pytest.mark.parametrize(
    ("other", "front"),
    [
        ((0.8, 5), ("one", "other")),
        ((0.8, 6), ("one",)),
        ((0.8, 4), ("other",)),
        ((0.7, 5), ("one",)),
        ((0.9, 5), ("other",)),
        ((0.9, 6), ("one", "other")),
        ((0.7, 4), ("other", "one")),
    ],
)
def test_ties(other: tuple[float, float], front: tuple[str, ...]) -> None:
    assert frontiers([costing("one", 0.8, 5), costing("other", *other)])[0].arms == front


def test_arms_without_cost_accuracy_or_result_are_left_out() -> None:
    free = arm("api", 0.99, cost=None)
    unknown = costing("unknown", math.nan, 1)
    timeless = costing("timeless", 0.99, math.nan)
    failed = arm("failed", 0.99, status="failed")
    without = arm("without", metrics={})
    arms = [free, unknown, timeless, failed, without, costing("lora", 0.8, 5)]
    assert [front.arms for front in frontiers(arms)] == [
        ("lora",),
        ("timeless",),
        ("timeless",),
        ("timeless",),
        ("lora",),
    ]
    assert frontiers([free, failed, without]) == frontiers([]) == ()
    assert [front.cost for front in frontiers([timeless])] == [
        "peak_memory_bytes",
        "artifact_bytes",
        "trainable_parameters",
    ]
