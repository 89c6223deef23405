"""What an answer is to hold: every label's probability or the best few, calibrated or not, and when to abstain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightune.errors import ConfigError
from lightune.inference.classifier import TextClassifier

ABSTAIN = "abstain"
Values = Sequence[str | float | None]


@dataclass(frozen=True)
class Wanted:
    """top_k: the labels that are named with their scores, instead of each label's probability; None: none are.
    probabilities: whether each label's probability is told. abstain_below: the score below which the label is
    `abstain`; None: never. calibrated: whether logits are divided by the artefact's temperature. Raises ConfigError.
    """

    top_k: int | None = None
    probabilities: bool = True
    abstain_below: float | None = None
    calibrated: bool = False

    def __post_init__(self) -> None:
        if self.top_k is not None and self.top_k < 1:
            raise ConfigError(f"--top-k {self.top_k}: a number of labels from 1 on is expected.")
        if self.abstain_below is not None and not 0 < self.abstain_below <= 1:
            raise ConfigError(f"--abstain-below {self.abstain_below}: a score above 0 and up to 1 is expected.")

    @property
    def every_label(self) -> bool:
        """Whether each label's probability is told."""
        return self.probabilities and self.top_k is None


def check_wanted(classifier: TextClassifier, name: str, wanted: Wanted) -> None:
    """Raise ConfigError for what `classifier`, which messages call `name`, cannot give."""
    labels = classifier.label_names
    if wanted.top_k is not None and wanted.top_k > len(labels):
        raise ConfigError(f"--top-k {wanted.top_k}: {name} has {len(labels)} labels; name at most as many.")
    if wanted.abstain_below is not None and ABSTAIN in labels:
        raise ConfigError(f"--abstain-below: {name} has a label {ABSTAIN!r} of its own, which could not be told apart.")
    if wanted.calibrated and classifier.temperature is None:
        raise ConfigError(
            f"--calibrated: {name} has no temperature: none could be fitted on validation rows, or lightune did not "
            "make it. Leave --calibrated out."
        )


def answer_columns(labels: Sequence[str], probabilities: NDArray[np.float64], wanted: Wanted) -> dict[str, Values]:
    """Put probabilities [texts, labels] into columns: `label` and `score`, then `p_<label>` a label, or with top_k
    `label_1`, `score_1` and so on. Of equally probable labels the first one comes first."""
    best = np.argmax(probabilities, axis=1)
    scores = _taken(probabilities, best)
    below = wanted.abstain_below or 0.0
    chosen = [ABSTAIN if score < below else labels[at] for at, score in zip(best.tolist(), scores, strict=True)]
    columns: dict[str, Values] = {"label": chosen, "score": scores}
    if wanted.top_k is not None:
        ranked = np.argsort(-probabilities, axis=1, kind="stable")[:, : wanted.top_k]
        for rank, found in enumerate(ranked.T, start=1):
            columns[f"label_{rank}"] = [labels[at] for at in found.tolist()]
            columns[f"score_{rank}"] = _taken(probabilities, found)
    elif wanted.probabilities:
        for at, name in enumerate(labels):
            columns[f"p_{name}"] = probabilities[:, at].tolist()
    return columns


def answer_fields(labels: Sequence[str], probabilities: NDArray[np.float64], wanted: Wanted) -> list[dict[str, object]]:
    """The same as an object a text: `label`, `score`, and `probabilities` by label, or `top`, the best few in order."""
    columns = answer_columns(labels, probabilities, wanted)
    made: list[dict[str, object]] = []
    for row, values in enumerate(zip(*columns.values(), strict=True)):
        fields: dict[str, object] = {"label": values[0], "score": values[1]}
        if wanted.top_k is not None:
            pairs = zip(values[2::2], values[3::2], strict=True)
            fields["top"] = [{"label": label, "score": score} for label, score in pairs]
        elif wanted.probabilities:
            fields["probabilities"] = dict(zip(labels, probabilities[row].tolist(), strict=True))
        made.append(fields)
    return made


def label_columns(labels: Sequence[str], wanted: Wanted) -> dict[str, bool]:
    """The names of `answer_columns`, and whether each holds numbers."""
    columns = answer_columns(labels, np.ones((1, len(labels))), wanted)
    return {name: isinstance(values[0], float) for name, values in columns.items()}


def _taken(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> list[float]:
    found: list[float] = probabilities[np.arange(len(labels)), labels].tolist()
    return found
