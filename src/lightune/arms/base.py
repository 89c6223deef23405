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
from lightune.ranks import SOLO, Group
from lightune.records import Observed, Rows, TrainingFacts


@dataclass(frozen=True)
class ArmContext:
    """What an arm may know of the study it runs in.

    spec: the arm as it was asked for: its name, or `NAME=FILE`. scratch: a folder of its run's own, where a cut off
    run finds what it had saved. cache: a folder of the study's, for what several runs would compute alike. halvings:
    how often the run was out of memory before, and so is to be computed in halves of what it would be. group: the
    processes that fit the arm together; only the first of them writes into either folder.
    """

    spec: str
    config: StudyConfig
    label_names: tuple[str, ...]
    positive_label: str | None
    data_fingerprint: str
    seed: int
    train_size: int
    scratch: Path
    cache: Path
    progress: Progress
    halvings: int = 0
    group: Group = SOLO


@dataclass(frozen=True)
class FitFacts:
    """What an arm reports of its fitting. Seconds leave loading out; tokens and rows count each pass over them.

    validation_use: what it used the validation rows for, in words. held_out: probabilities [validation rows, labels]
    from before those rows were learned from too; None: what it answers for them now. labels_only: its probabilities
    are labels, each with certainty. observed: what the training did to the model's tensors.
    """

    fit_seconds: float
    trainable_parameters: int
    total_parameters: int
    tokens: int = 0
    rows: int = 0
    training: TrainingFacts | None = None
    notes: tuple[str, ...] = ()
    head: str | None = None
    validation_use: str = "nothing"
    held_out: NDArray[np.float64] | None = None
    labels_only: bool = False
    observed: Observed | None = None


@dataclass(frozen=True)
class Predicted:
    """Answers for one split: probabilities [seeds, texts, labels], useful tokens, seconds, and which texts were cut at
    the model's limit, bool [texts]; None for what has no limit."""

    probabilities: NDArray[np.float64]
    tokens: int
    seconds: float
    cut: NDArray[np.bool_] | None = None


class Fitted(Protocol):
    """An arm that has seen its training rows."""

    @property
    def facts(self) -> FitFacts:
        """How the fitting went."""
        ...

    @property
    def seeds(self) -> tuple[int, ...]:
        """One for each set of answers."""
        ...

    def predict_each(self, rows: Rows) -> Predicted:
        """Answer for the texts of `rows`, once for each of `seeds`. The labels there are not for looking at."""
        ...

    def save(self, folder: Path, temperature: float | None) -> str:
        """Save the first seed's artefact, and return its stock route: `adapter`, `merged` or `none: <reason>`.

        What saves a manifest there (lightune.json) can be loaded again, and is checked to answer as `logits` does.
        """
        ...

    def logits(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Logits [texts, labels] of the first seed, as the saved artefact must give them again."""
        ...


class Arm(Protocol):
    """An arm of a study, made anew for each run."""

    def fit(self, train: Rows, validation: Rows) -> Fitted:
        """Learn from `train`, choose on `validation`."""
        ...
