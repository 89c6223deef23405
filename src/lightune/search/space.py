"""What is searched over: options of a study's configuration, and the values that each may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lightune.config import StudyConfig

RANK, RATE, HEAD = "lora.rank", "training.learning_rate", "training.head_rate"
# To either side of a method's own rate, which is right for some model and some task.
SPAN = 10.0
RANKS = (4, 8, 16, 32)
HEAD_RATES = (0.3, 10.0)


@dataclass(frozen=True)
class Between:
    """A number from `low` to `high`, drawn evenly by its logarithm. option: its place, as `training.learning_rate`."""

    option: str
    low: float
    high: float


@dataclass(frozen=True)
class Among:
    """One of some numbers."""

    option: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Space:
    """All that is searched over. first: the values of the first trial, those that would be used without a search."""

    dimensions: tuple[Between | Among, ...]
    first: Mapping[str, float]


def default_space(config: StudyConfig, rate: float) -> Space:
    """Learning rate, rank and how much faster the head learns. rate: what a training takes without a search."""
    rank = config.lora.rank
    return Space(
        (
            Between(RATE, _short(rate / SPAN), _short(rate * SPAN)),
            Among(RANK, tuple(sorted({*RANKS, rank}))),
            Between(HEAD, *HEAD_RATES),
        ),
        {RATE: rate, RANK: rank, HEAD: min(max(config.training.head_rate, HEAD_RATES[0]), HEAD_RATES[1])},
    )


def applied(config: StudyConfig, values: Mapping[str, float]) -> StudyConfig:
    """The configuration with `values` by option. With the rank goes alpha, so that the update's scale stays."""
    for option, value in values.items():
        section, _, name = option.partition(".")
        before = getattr(config, section)
        kept: Any = int(value) if isinstance(getattr(before, name), int) else float(value)
        changes: dict[str, Any] = {name: kept}
        if option == RANK:
            changes["alpha"] = before.alpha * kept / before.rank
        config = replace(config, **{section: replace(before, **changes)})
    return config


def _short(value: float) -> float:
    return float(f"{value:.3g}")
