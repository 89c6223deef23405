"""Test rows whose label one arm has reason to doubt."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lightune.evaluation.answers import answers
from lightune.evaluation.predicted import predicted_labels
from lightune.records import LabelIssue, LabelIssues, Predictions


def label_issues(predictions: Mapping[str, Predictions], arm: str, shown: int = 20) -> LabelIssues | None:
    """Return the rows whose labels `arm` doubts, by confident learning (Northcutt et al. 2021), with cleanlab.

    predictions: of each arm's first seed, on the same rows in the same order. arm: whose probabilities doubt; they must
    come from a model that was not trained on these rows, and be more than bare answers. Its mean probability of a label
    over the rows that bear it is that label's threshold. A row is suspected when the most probable of the labels whose
    threshold it reaches is not its own (the off-diagonal of the confident joint). shown: the rows with the arm's lowest
    probability of the given label, equals in the order of the rows; suggested is the arm's answer.

    To suspect is not to prove: many of these rows are right and the arm is wrong, and errors that it makes too stay
    unseen. So `without` is no better estimate of the accuracy: to drop rows that a model doubts flatters that model. It
    is NaN where every row is suspected.

    None where there is nothing to find: fewer than two labels among the rows, or an arm that says the same of every row
    and so knows nothing of any. Raises ValueError where the predictions do not fit together (`answers`), for an arm
    that is not among them and for `shown` under 0.
    """
    if shown < 0:
        raise ValueError(f"shown: 0 or more rows are expected, got {shown}.")
    given = answers(predictions)
    if arm not in predictions:
        raise ValueError(f"arm: one of {', '.join(predictions)} is expected, got {arm}.")
    of_arm = predictions[arm]
    if len(np.unique(given.labels)) < 2 or np.ptp(of_arm.probabilities, axis=0).max() == 0:
        return None
    suspected = _suspected(given.labels, of_arm.probabilities)
    rows = np.flatnonzero(suspected)
    confidence = of_arm.probabilities[rows, given.labels[rows]]
    first = rows[np.argsort(confidence, kind="stable")[:shown]]
    return LabelIssues(
        arm=arm,
        rows=len(rows),
        shown=tuple(_issue(of_arm, int(row)) for row in first),
        without=given.accuracy(~suspected),
    )


def _suspected(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the mask [n] of suspected rows."""
    # Imported here since it takes a second.
    from cleanlab.filter import find_label_issues

    with warnings.catch_warnings():
        # What it warns of (labels with few rows or none) is no fault of the caller's.
        warnings.simplefilter("ignore")
        found = find_label_issues(labels, probabilities, filter_by="confident_learning", n_jobs=1)
    # A label that the arm gives itself, be it by a tie, is no issue.
    doubted: NDArray[np.bool_] = found & (predicted_labels(probabilities) != labels)
    return doubted


def _issue(of_arm: Predictions, row: int) -> LabelIssue:
    label = int(of_arm.labels[row])
    suggested = int(of_arm.probabilities[row].argmax())
    return LabelIssue(
        row_id=of_arm.row_ids[row],
        label=of_arm.label_names[label],
        suggested=of_arm.label_names[suggested],
        probability_label=float(of_arm.probabilities[row, label]),
        probability_suggested=float(of_arm.probabilities[row, suggested]),
    )
