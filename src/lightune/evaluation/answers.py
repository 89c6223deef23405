"""What every arm says of the same test rows, and which of them it has right."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightune.evaluation.intervals import wilson
from lightune.evaluation.predicted import check_predictions, predicted_labels
from lightune.records import Metric, Predictions, Rows


@dataclass(frozen=True)
class Answers:
    """The answers of all arms on the same n rows.

    labels: the true ones, int64 [n]. said, right: arm -> [n], the predicted label and whether it is the true one.
    """

    row_ids: tuple[str, ...]
    label_names: tuple[str, ...]
    labels: NDArray[np.int64]
    said: Mapping[str, NDArray[np.int64]]
    right: Mapping[str, NDArray[np.bool_]]

    def accuracy(self, rows: NDArray[np.bool_] | None = None) -> dict[str, Metric]:
        """Return each arm's accuracy on the rows of the mask [n] (by default all), with Wilson's interval.

        NaN where the mask holds no row.
        """
        chosen = np.ones(len(self.labels), dtype=bool) if rows is None else rows
        if not chosen.any():
            return {arm: Metric(math.nan, math.nan, math.nan) for arm in self.right}
        n = int(chosen.sum())
        return {arm: wilson(int((right & chosen).sum()), n) for arm, right in self.right.items()}


def answers(predictions: Mapping[str, Predictions], test: Rows | None = None) -> Answers:
    """Return what each arm says; `test`, where given, holds the texts of the same rows.

    Raises ValueError without any arm, where predictions are unsound (`check_predictions`), or where arms or `test`
    differ in label names, rows, their order or their true labels.
    """
    if not predictions:
        raise ValueError("The predictions of at least one arm are expected, got none.")
    for each in predictions.values():
        check_predictions(each)
    name, first = next(iter(predictions.items()))
    for arm, other in predictions.items():
        if other.label_names != first.label_names:
            raise ValueError(
                f"{name} and {arm} should have the same label names, got {first.label_names} and {other.label_names}."
            )
        _check_same(name, first, arm, other)
    if test is not None:
        _check_same(name, first, "the test rows", test)
    said = {arm: predicted_labels(each.probabilities) for arm, each in predictions.items()}
    right = {arm: answer == first.labels for arm, answer in said.items()}
    return Answers(first.row_ids, first.label_names, first.labels, said, right)


def _check_same(name: str, first: Predictions, other_name: str, other: Predictions | Rows) -> None:
    if other.row_ids != first.row_ids:
        raise ValueError(
            f"{name} and {other_name} should have the same rows in the same order, "
            f"got {len(first.row_ids)} and {len(other.row_ids)} rows, or others."
        )
    if not np.array_equal(other.labels, first.labels):
        row = int(np.argmax(other.labels != first.labels))
        raise ValueError(f"{name} and {other_name} should have the same true labels, row {first.row_ids[row]} has not.")
