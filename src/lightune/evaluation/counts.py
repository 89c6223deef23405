"""The confusion matrix, and the metrics that need no more than three counts a label.

Accuracy, precision, recall, F1 and MCC depend on the rows only through how often each label is true, predicted, and
both. So a thousand resamples of 77 labels are three small tables, not a thousand confusion matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats: TypeAlias = NDArray[np.float64]


def confusion_matrix(labels: NDArray[np.int64], predicted: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Count rows by [true label, predicted label]: int64 [k, k].

    labels, predicted: int64 [n], each in 0..k-1. Raises ValueError if their lengths differ or a label is out of range.
    """
    if labels.shape != predicted.shape:
        raise ValueError(f"As many predicted as true labels are expected, got {predicted.shape}, {labels.shape}.")
    for name, values in (("true", labels), ("predicted", predicted)):
        if values.size and (values.min() < 0 or values.max() >= k):
            raise ValueError(f"{name} labels from 0 to {k - 1} are expected, got {values.min()} to {values.max()}.")
    return np.bincount(labels * k + predicted, minlength=k * k).reshape(k, k).astype(np.int64)


@dataclass(frozen=True)
class Counts:
    """How often each of k labels is true, predicted, and both, in each of b weightings of the rows: each [b, k]."""

    true: Floats
    predicted: Floats
    both: Floats


@dataclass(frozen=True)
class Tally:
    """Turns row weights into Counts by one product with a sparse 0/1 matrix [n, 3 k]."""

    k: int
    indicator: Any

    @classmethod
    def of(cls, labels: NDArray[np.int64], predicted: NDArray[np.int64], k: int) -> Tally:
        """Prepare for rows with these true and predicted labels, int64 [n]."""
        rows = np.arange(len(labels))
        right = np.flatnonzero(labels == predicted)
        at = np.concatenate([rows, rows, right])
        column = np.concatenate([labels, k + predicted, 2 * k + labels[right]])
        ones = np.ones(len(at))
        return cls(k, sparse.csr_array((ones, (at, column)), shape=(len(labels), 3 * k)))

    def counts(self, weights: Floats) -> Counts:
        """Count under each row of `weights` [b, n]: how often each of the n rows was drawn."""
        table = weights @ self.indicator
        return Counts(*(table[:, part * self.k : (part + 1) * self.k] for part in range(3)))


def count_metrics(counts: Counts, positive: int | None) -> dict[str, Floats]:
    """Return accuracy, f1, macro_f1, precision, recall and mcc, each [b].

    With TP, T, P the rows where a label is both, true, predicted: precision TP/P, recall TP/T, F1 2 TP/(T + P), each 0
    where its denominator is 0. They are the positive label's, or without one the mean over the labels that occur as
    true or predicted, as scikit-learn's macro average over the labels it finds, zero_division=0.
    """
    precision = _ratio(counts.both, counts.predicted)
    recall = _ratio(counts.both, counts.true)
    f1 = _ratio(2 * counts.both, counts.true + counts.predicted)
    occurs = (counts.true + counts.predicted > 0).sum(axis=1)
    macro_f1 = f1.sum(axis=1) / occurs

    def summary(by_label: Floats) -> Floats:
        return by_label.sum(axis=1) / occurs if positive is None else by_label[:, positive]

    return {
        "accuracy": counts.both.sum(axis=1) / counts.true.sum(axis=1),
        "f1": summary(f1),
        "macro_f1": macro_f1,
        "precision": summary(precision),
        "recall": summary(recall),
        "mcc": _mcc(counts),
    }


def _mcc(counts: Counts) -> Floats:
    """Matthews' correlation for k labels (Gorodkin 2004); 0, as in scikit-learn, where one label alone is true or
    predicted."""
    rows = counts.true.sum(axis=1)
    covariance = counts.both.sum(axis=1) * rows - (counts.true * counts.predicted).sum(axis=1)
    spread_true = rows**2 - (counts.true**2).sum(axis=1)
    spread_predicted = rows**2 - (counts.predicted**2).sum(axis=1)
    # Two roots, since the product of the spreads of a million rows is beyond float64's exact integers.
    return _ratio(covariance, np.sqrt(spread_true) * np.sqrt(spread_predicted))


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
