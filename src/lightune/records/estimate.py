"""What a study is predicted to take, before any of it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class RunEstimate:
    """What one run is predicted to cost: the same three figures as its record's `Cost`, and the run from its process's
    start to its end, saving and certificate included."""

    fit_seconds: float
    predict_seconds: float
    peak_memory_bytes: int
    seconds: float


@dataclass(frozen=True)
class ArmEstimate:
    """What an arm of a study is predicted to take. run: its first run, on all training rows; None where nothing can be
    said, for the `reason`. runs: how many; seconds: of all of them."""

    arm: str
    runs: int
    run: RunEstimate | None
    seconds: float
    reason: str | None = None


@dataclass(frozen=True)
class StudyEstimate:
    """What a study is predicted to take on this machine.

    seconds, peak_memory_bytes: of all arms that could be told; runs come one after the other, so memory is the largest
    of theirs. begun_seconds: of these, reading the data and looking over the models before the first run, downloads
    that were waited for among them. notes: what the figures leave out.
    """

    arms: tuple[ArmEstimate, ...]
    seconds: float
    begun_seconds: float
    behaviour_seconds: float
    peak_memory_bytes: int
    free_memory_bytes: int
    took_seconds: float
    splits: Mapping[str, int]
    notes: tuple[str, ...] = ()
