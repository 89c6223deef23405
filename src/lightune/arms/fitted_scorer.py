"""A fitted arm around a scorer: one set of answers, in this process."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightune.arms.base import ArmContext, FitFacts, Predicted
from lightune.artifacts import FORMAT, BaseModel, Manifest
from lightune.compute import Scorer, softmax
from lightune.models import ModelSource, fetched_digest
from lightune.progress import counting
from lightune.records import Rows
from lightune.version import VERSION


class FittedScorer(ABC):
    """Answers with its scorer. Subclasses save themselves."""

    def __init__(self, context: ArmContext, scorer: Scorer, facts: FitFacts) -> None:
        self.context = context
        self.scorer = scorer
        self.facts = facts
        self.seeds: tuple[int, ...] = (context.seed,)

    def predict_each(self, rows: Rows) -> Predicted:
        """Probabilities [1, rows, labels]."""
        start = time.perf_counter()
        tick = counting(len(rows), lambda done, total: self.context.progress("predict", done, total, {}))
        scored = self.scorer.score(rows.texts, tick)
        probabilities = softmax(scored.logits)[None]
        seconds = time.perf_counter() - start + scored.spared
        return Predicted(probabilities, scored.tokens, seconds, scored.cut)

    def logits(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Logits [texts, labels]."""
        return self.scorer.score(texts).logits

    @abstractmethod
    def save(self, folder: Path, temperature: float | None) -> str:
        """Save the artefact and return its stock route."""


def make_manifest(context: ArmContext, kind: str, source: ModelSource | None = None, **extra: Any) -> Manifest:
    """Make the manifest of what a run saved; `source` is the base it stands on, `extra` further fields."""
    base = BaseModel(source.name, source.location, fetched_digest(source)) if source is not None else None
    return Manifest(
        format=FORMAT,
        lightune=VERSION,
        arm=context.spec,
        kind=kind,
        base=base,
        label_names=context.label_names,
        positive_label=context.positive_label,
        seed=context.seed,
        train_size=context.train_size,
        data_fingerprint=context.data_fingerprint,
        **{"max_length": None, "truncate": None, **extra},
    )
