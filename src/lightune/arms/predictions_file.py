"""Arm `NAME=FILE`: predictions that something else made, an API or a colleague, joined by row id or text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightune.arms.base import ArmContext, FitFacts, Predicted
from lightune.data import Table, find_text_column, read_table
from lightune.errors import ConfigError, RunError
from lightune.records import Rows

ROW_ID = "row_id"
# What the column of predicted labels may be called; a file may have the true ones beside them as `label`.
LABEL_COLUMNS = ("predicted_label", "prediction", "predicted", "label")
# Probabilities are often written with few digits.
SUM_TOLERANCE = 0.02


class NoAnswer(RunError):
    """The file has no answer for some of the rows that were asked for."""


class PredictionsFile:
    """A file's answers. labels_only: it has no probabilities, so a label counts as certain. column: that of the labels
    then, else None."""

    def __init__(self, path: Path, label_names: Sequence[str]) -> None:
        self.path = path
        table = read_table(path)
        self.key = ROW_ID if ROW_ID in table.columns else find_text_column(table)
        probabilities = [f"p_{name}" for name in label_names]
        present = [name for name in probabilities if name in table.columns]
        if present and len(present) < len(probabilities):
            missing = next(name for name in probabilities if name not in table.columns)
            raise ConfigError(f"{path}: it has the column {present[0]!r}, so {missing!r} is expected too.")
        self.labels_only = not present
        self.column = None if present else _label_column(table, label_names)
        answers = (
            _probabilities(table, probabilities)
            if self.column is None
            else _certainties(table, self.column, label_names)
        )
        self.answers = _by_key(table, self.key, answers)

    def of(self, rows: Rows) -> NDArray[np.float64]:
        """Probabilities [rows, labels]. Raises NoAnswer when the file lacks one of them."""
        keys = rows.row_ids if self.key == ROW_ID else rows.texts
        missing = [at for at, key in enumerate(keys) if key not in self.answers]
        if missing:
            shown = " ".join(rows.texts[missing[0]].split())[:60]
            raise NoAnswer(
                f"{self.path}: an answer for each of the {len(rows):,} test rows is expected, {len(missing):,} have "
                f"none, the first of them {rows.row_ids[missing[0]]} ({shown!r}). Rows are matched by {self.key!r}."
            )
        return np.array([self.answers[key] for key in keys])


class PredictionsFileArm:
    """Learns nothing: the file has the answers."""

    def __init__(self, context: ArmContext, path: Path) -> None:
        self.context = context
        self.path = path

    def fit(self, train: Rows, validation: Rows) -> FittedFile:  # noqa: ARG002
        """Read the file."""
        return FittedFile(self.context, PredictionsFile(self.path, self.context.label_names))


class FittedFile:
    """Answers for the rows that the file has, and for no others."""

    def __init__(self, context: ArmContext, file: PredictionsFile) -> None:
        self.file = file
        self.seeds = (context.seed,)
        only = ("It gives labels without probabilities, so nothing that needs those is computed.",)
        self.facts = FitFacts(
            fit_seconds=0.0,
            trainable_parameters=0,
            total_parameters=0,
            notes=(
                f"Predictions read from {file.path.name}, matched by {file.key!r}.",
                *(only if file.labels_only else ()),
            ),
            validation_use="not known",
            labels_only=file.labels_only,
        )

    def predict_each(self, rows: Rows) -> Predicted:
        """What the file says of the rows. Raises NoAnswer."""
        return Predicted(self.file.of(rows)[None], 0, 0.0)

    def save(self, folder: Path, temperature: float | None) -> str:  # noqa: ARG002
        """Nothing to save."""
        return "none: predictions from a file cannot label new texts"

    def logits(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Raises RunError: there is nothing to ask."""
        raise RunError(f"{self.file.path}: it has no answer for {len(texts):,} new texts.")


def _probabilities(table: Table, columns: Sequence[str]) -> NDArray[np.float64]:
    values = np.empty((table.rows, len(columns)))
    for at, name in enumerate(columns):
        for row, value in enumerate(table.columns[name]):
            try:
                values[row, at] = float(value or "")
            except ValueError:
                raise ConfigError(
                    f"{table.where(row)}: a probability is expected in {name!r}, got {value!r}."
                ) from None
    sums = values.sum(axis=1)
    wrong = ~(np.isfinite(values).all(axis=1) & (values >= 0).all(axis=1) & (np.abs(sums - 1) <= SUM_TOLERANCE))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ConfigError(
            f"{table.where(row)}: probabilities from 0 to 1 that sum to 1 are expected, they sum to {sums[row]:.4g}."
        )
    return np.asarray(values / sums[:, None])


def _label_column(table: Table, label_names: Sequence[str]) -> str:
    column = next((name for name in LABEL_COLUMNS if name in table.columns), None)
    if column is None:
        raise ConfigError(
            f"{table.path}: the predicted labels are expected in a column {', '.join(LABEL_COLUMNS)}, or a "
            f"probability for each label in p_{label_names[0]} and so on; it has {', '.join(table.columns)}."
        )
    return column


def _certainties(table: Table, column: str, label_names: Sequence[str]) -> NDArray[np.float64]:
    index = {name: at for at, name in enumerate(label_names)}
    values = np.zeros((table.rows, len(label_names)))
    for row, label in enumerate(table.columns[column]):
        if label not in index:
            raise ConfigError(
                f"{table.where(row)}: one of the labels {', '.join(label_names)} is expected in {column!r}, got "
                f"{label!r}."
            )
        values[row, index[label]] = 1.0
    return values


def _by_key(table: Table, key: str, answers: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
    found: dict[str, NDArray[np.float64]] = {}
    for row, (value, answer) in enumerate(zip(table.columns[key], answers, strict=True)):
        value = value or ""
        if value in found and not np.array_equal(found[value], answer):
            raise ConfigError(f"{table.where(row)}: the same {key} stands there before with another answer.")
        found[value] = answer
    return found
