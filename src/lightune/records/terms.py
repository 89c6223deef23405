"""On what terms arms were fine-tuned, so that they can be compared as methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lightune.records.runs import RateTrial

SEARCHED, GIVEN, DEFAULT = "searched", "given", "default"


@dataclass(frozen=True)
class Terms:
    """How one arm was fine-tuned, by its first seed.

    adapter: whether a part of the parameters was trained, not all. learning_rate: None where it was not recorded.
    rate_from: `searched`, `given` or `default`. trials: as in TrainingFacts. search_seconds: what they took together,
    a part of the arm's fit_seconds. at_edge: `lowest` or `highest` where the chosen rate is that of several tried, so
    that a better one may lie beyond; else "". rows: training rows. seeds: how many runs on so many.
    """

    arm: str
    adapter: bool
    learning_rate: float | None
    rate_from: str
    trials: tuple[RateTrial, ...]
    search_seconds: float
    at_edge: str
    steps: int
    planned_steps: int
    rows: int
    seeds: int


@dataclass(frozen=True)
class UnequalTerm:
    """A term in which fine-tuned arms differ. what: its name. values: each value with the arms that have it."""

    what: str
    values: Mapping[Any, tuple[str, ...]]
