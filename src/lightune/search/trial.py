"""What is kept of a search: its trials, how far each came, and what validation said there."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lightune.records import dumps, from_json
from lightune.whole import write_whole


@dataclass(frozen=True)
class Trial:
    """One set of values. scores: what validation said at each rung that it came to, the best look up to there; NaN
    where it diverged. seconds: what its training took so far."""

    number: int
    values: Mapping[str, float]
    scores: tuple[float, ...] = ()
    seconds: float = 0.0

    @property
    def diverged(self) -> bool:
        """Whether it ended in numbers that are not finite."""
        return bool(self.scores) and not math.isfinite(self.scores[-1])


@dataclass(frozen=True)
class Searched:
    """A search as far as it is done. fingerprint: of all that it depends on. rungs: steps at which trials are compared,
    the last one all of them. selected_by: the metric on validation."""

    fingerprint: str
    selected_by: str
    rungs: tuple[int, ...]
    trials: tuple[Trial, ...] = ()


def read_search(path: Path) -> Searched | None:
    """What `write_search` wrote; None where nothing can be read."""
    try:
        return from_json(Searched, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_search(path: Path, searched: Searched) -> None:
    """Keep it, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, dumps(searched))


def ranked(trials: Sequence[Trial], rung: int, lower: bool) -> list[Trial]:
    """The trials that came to `rung`, the best one there first, without those that diverged on it. lower: whether less
    is better. Of two alike the earlier one is first."""
    there = [trial for trial in trials if len(trial.scores) > rung and math.isfinite(trial.scores[rung])]
    return sorted(there, key=lambda trial: (trial.scores[rung] if lower else -trial.scores[rung], trial.number))
