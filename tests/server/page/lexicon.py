"""A host whose answers are known: each arm adds the weights that it gives to words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightune.hosting import Ask, Hosted

LABELS = ("negative", "positive")
# For the second label and against the first one.
WEIGHTS = {
    "lora": {"delight": 2.0, "good": 1.0, "dull": -1.0, "not": -2.0},
    "pretrained": {"disaster": -0.5, "good": 0.1},
    "tfidf": {"good": 3.0, "disaster": -3.0},
}
KINDS = {"lora": "adapter", "pretrained": "base", "tfidf": "tfidf"}


@dataclass
class Lexicon:
    """weights: by arm; an arm that is not named there has no opinion. texts: all that was asked for."""

    labels: tuple[str, ...] = LABELS
    study: str = "films"
    arms: tuple[str, ...] = tuple(WEIGHTS)
    report: Path | None = None
    texts: list[str] = field(default_factory=list)

    @property
    def models(self) -> Mapping[str, Hosted]:
        return {arm: self._hosted(arm) for arm in self.arms}

    @property
    def defaults(self) -> tuple[str, ...]:
        return tuple(arm for arm in ("lora", "pretrained") if arm in self.arms) or self.arms[:2]

    def answer(self, asked: Sequence[Ask]) -> list[NDArray[np.float64]]:
        for ask in asked:
            self.texts += ask.texts
        return [np.array([self._logits(ask.model, text) for text in ask.texts]) for ask in asked]

    def _hosted(self, arm: str) -> Hosted:
        return Hosted(
            name=arm,
            study=self.study,
            arm=arm,
            kind=KINDS.get(arm, "plugin"),
            base="embedded",
            labels=self.labels,
            verified=arm in KINDS,
            temperature=None,
            max_length=512,
            report=self.report,
        )

    def _logits(self, arm: str, text: str) -> list[float]:
        weights = WEIGHTS.get(arm, {})
        total = sum(weights.get(word, 0.0) for word in re.findall(r"\w+", text.lower()))
        return [-total / 2, total / 2, *(-3.0 - at for at in range(len(self.labels) - 2))]
