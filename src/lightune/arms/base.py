"""What an arm is: anything that can label a text after seeing labelled ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lightune.config import StudyConfig
from lightune.progress import Progress
from lightune.records import Rows, TrainingFacts


@dataclass(frozen=True)
class ArmContext:
    """What an arm may know of the study it runs in.

    scratch: a folder of its run's own, where a cut off run finds what it had saved.
    """

    config: StudyConfig
    label_names: tuple[str, ...]
    positive_label: str | None
    data_fingerprint: str
    seed: int
    train_size: int
    scratch: Path
    progress: Progress


@dataclass(frozen=True)
class FitFacts:
    """What an arm reports of its fitting. Seconds leave loading out; tokens and rows count each pass over them."""

    fit_seconds: float
    trainable_parameters: int
    total_parameters: int
    tokens: int = 0
    rows: int = 0
    training: TrainingFacts | None = None
    notes: tuple[str, ...] = ()
    head: str | None = None


@dataclass(frozen=True)
class Predicted:
    """Answers for one split: probabilities [seeds, texts, labels], useful tokens, seconds, texts that were cut."""

    probabilities: NDArray[np.float64]
    tokens: int
    seconds: float
    cut_rows: int


class Fitted(Protocol):
    """An arm that has seen its training rows. `seeds`: one for each set of answers it gives."""

    facts: FitFacts
    seeds: tuple[int, ...]

    def predict_each(self, texts: Sequence[str]) -> Predicted:
        """Answer for `texts`, once for each of `seeds`."""
        ...

    def logits(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Logits [texts, labels] of the first seed, as the saved artefact must give them again."""
        ...

    def save(self, folder: Path) -> str:
        """Save the first seed's artefact, and return its stock route: `adapter`, `merged` or `none: <reason>`."""
        ...


class Arm(Protocol):
    """An arm of a study, made anew for each run."""

    def fit(self, train: Rows, validation: Rows) -> Fitted:
        """Learn from `train`, choose on `validation`."""
        ...
