"""From probabilities to predicted labels, and what must hold of predictions before anything is computed from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lightune.records import Predictions

SUM_TOLERANCE = 1e-6


def predicted_labels(probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the label with the highest probability of each row of [n, k], as int64 [n].

    Of labels that share the highest probability the lowest index wins, so that the answer never depends on the machine.
    """
    return np.asarray(np.argmax(probabilities, axis=1), dtype=np.int64)


def check_arrays(labels: NDArray[np.int64], probabilities: NDArray[np.float64], name: str = "predictions") -> None:
    """Raise ValueError, beginning with `name`, unless labels and probabilities can be evaluated.

    labels: integers [n], n at least 1, each in 0..k-1 (-1, unlabelled, cannot be evaluated). probabilities: [n, k], k
    at least 2, finite, none negative, rows summing to 1 within 1e-6.
    """
    if probabilities.ndim != 2 or probabilities.shape[1] < 2:
        raise ValueError(
            f"{name}: probabilities [rows, labels] of at least 2 labels are expected, "
            f"got the shape {probabilities.shape}."
        )
    rows, k = probabilities.shape
    if labels.shape != (rows,):
        raise ValueError(f"{name}: {rows} true labels are expected, one a row, got the shape {labels.shape}.")
    if rows == 0:
        raise ValueError(f"{name}: at least one row is expected, got none.")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"{name}: true labels are expected to be integers, got {labels.dtype}.")
    outside = (labels < 0) | (labels >= k)
    if outside.any():
        row = int(np.argmax(outside))
        raise ValueError(f"{name}: true labels from 0 to {k - 1} are expected, row {row} has {labels[row]}.")
    _check_probabilities(probabilities, name)


def _check_probabilities(probabilities: NDArray[np.float64], name: str) -> None:
    finite = np.isfinite(probabilities).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"{name}: finite probabilities are expected, row {int(np.argmin(finite))} has one that is not."
        )
    negative = (probabilities < 0).any(axis=1)
    if negative.any():
        raise ValueError(f"{name}: a probability in row {int(np.argmax(negative))} is negative.")
    sums = probabilities.sum(axis=1, dtype=np.float64)
    off = np.abs(sums - 1) > SUM_TOLERANCE
    if off.any():
        row = int(np.argmax(off))
        raise ValueError(f"{name}: rows that sum to 1 are expected, row {row} sums to {sums[row]:.6g}.")


def check_predictions(predictions: Predictions) -> None:
    """Raise ValueError naming the arm, the split and the fault unless `predictions` can be evaluated.

    All that `check_arrays` asks for, one column a label name, and one row id a row, none twice.
    """
    name = f"predictions of {predictions.arm} on {predictions.split} (seed {predictions.seed})"
    check_arrays(predictions.labels, predictions.probabilities, name)
    rows, k = predictions.probabilities.shape
    if len(predictions.label_names) != k:
        raise ValueError(f"{name}: {k} label names are expected, got {len(predictions.label_names)}.")
    if len(predictions.row_ids) != rows:
        raise ValueError(f"{name}: {rows} row ids are expected, got {len(predictions.row_ids)}.")
    row_id, times = Counter(predictions.row_ids).most_common(1)[0]
    if times > 1:
        raise ValueError(f"{name}: each row id once is expected, {row_id} stands there {times} times.")


def check_one_arm(predictions: Sequence[Predictions], caller: str) -> None:
    """Raise ValueError, beginning with `caller`, unless these are one arm's predictions, one a seed, on the same rows.

    That is: at least one, each sound (`check_predictions`), of one arm, split, train size and set of label names, with
    the same rows and true labels in the same order, no seed twice.
    """
    if not predictions:
        raise ValueError(f"{caller}: predictions of at least one seed are expected, got none.")
    for each in predictions:
        check_predictions(each)
    first = predictions[0]
    for other in predictions[1:]:
        for name in ("arm", "split", "train_size", "label_names"):
            mine, theirs = getattr(first, name), getattr(other, name)
            if mine != theirs:
                raise ValueError(f"{caller}: one {name} is expected, got {mine} and {theirs}.")
        if first.row_ids != other.row_ids or not np.array_equal(first.labels, other.labels):
            raise ValueError(
                f"{caller}: the same rows and labels in the same order are expected of every seed, those of "
                f"{other.arm} on {other.split} differ between the seeds {first.seed} and {other.seed}."
            )
    seeds = [each.seed for each in predictions]
    if len(set(seeds)) != len(seeds):
        raise ValueError(f"{caller}: each seed once is expected, got {', '.join(map(str, seeds))}.")
