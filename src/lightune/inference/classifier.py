"""A classifier from disk that answers for new texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightune.artifacts import Artifact, load_artifact
from lightune.compute import ModelScorer, layouts_fit, softmax
from lightune.errors import ConfigError


@dataclass(frozen=True)
class Answer:
    """One text's answer. score: the label's probability. probabilities: of every label, in the labels' order."""

    text: str
    label: str
    score: float
    probabilities: Mapping[str, float]


class TextClassifier:
    """Labels texts with a saved model. `label_names` gives the order of all probabilities and logits."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self.label_names = artifact.label_names

    @property
    def verified(self) -> bool:
        """Whether lightune's own manifest vouches for the artefact and its base."""
        return self._artifact.verified

    @property
    def arm(self) -> str | None:
        """The arm that made it, None for what stock peft or transformers made."""
        return self._artifact.manifest.arm if self._artifact.manifest else None

    @property
    def temperature(self) -> float | None:
        """What logits are divided by to be calibrated; None where no temperature was fitted."""
        return self._artifact.manifest.temperature if self._artifact.manifest else None

    def merge_adapter(self, merging: bool | None) -> None:
        """Set whether a plain LoRA adapter is merged before it answers, as `ModelScorer.merging` has it."""
        if isinstance(self._artifact.scorer, ModelScorer):
            self._artifact.scorer.merging = merging

    def layouts_fit(self) -> bool:
        """Whether a second layout of the weights leaves enough of the free memory; without a model none is needed."""
        model = getattr(self._artifact.scorer, "model", None)
        return model is None or layouts_fit([model])

    def logits(self, texts: Sequence[str], on_rows: Callable[[int], None] | None = None) -> NDArray[np.float64]:
        """Logits [texts, labels]; `on_rows` hears how many rows each batch had when it is done."""
        texts = list(texts)
        if not texts:
            return np.empty((0, len(self.label_names)))
        return self._artifact.scorer.score(texts, on_rows).logits

    def probabilities(
        self, texts: Sequence[str], on_rows: Callable[[int], None] | None = None, calibrated: bool = False
    ) -> NDArray[np.float64]:
        """Probabilities [texts, labels], rows sum to one. calibrated: of the logits divided by the temperature; raises
        ConfigError where there is none."""
        logits = self.logits(texts, on_rows)
        if calibrated:
            if self.temperature is None:
                raise ConfigError(f"{self.arm or 'This model'} has no temperature, so it cannot be calibrated.")
            logits = logits / self.temperature
        return softmax(logits)

    def predict(self, texts: Sequence[str]) -> list[Answer]:
        """One Answer a text, in order; an empty text gets one too. Raises TypeError for a bare string."""
        if isinstance(texts, str):
            raise TypeError("predict takes a list of texts, got one string; put it in a list.")
        texts = list(texts)
        return [answer(text, self.label_names, row) for text, row in zip(texts, self.probabilities(texts), strict=True)]


def answer(text: str, label_names: Sequence[str], probabilities: NDArray[np.float64]) -> Answer:
    """Make the Answer for one text from its probabilities [labels]; of equal ones the first label wins."""
    best = int(np.argmax(probabilities))
    named = {name: float(value) for name, value in zip(label_names, probabilities, strict=True)}
    return Answer(text, label_names[best], float(probabilities[best]), named)


def load_classifier_folder(folder: Path) -> TextClassifier:
    """Load the artefact in `folder`. Raises ModelError."""
    return TextClassifier(load_artifact(folder))
