"""Logistic regression whose strength of regularisation is chosen on the validation rows: for TF-IDF and the probe."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from lightune.compute import Linear, softmax
from lightune.errors import RunError
from lightune.evaluation import point_metrics
from lightune.progress import Progress

MOST_ITERATIONS = 1000
# Log-odds of a label that the training rows do not have: never the answer, never infinitely wrong.
ABSENT = -20.0


@dataclass(frozen=True)
class Chosen:
    """The best of the grid. c: inverse strength of the L2 penalty; held_out: probabilities [rows, labels] of the
    validation rows; at_edge: whether the best stood at an end of the grid; tried: the metric of each c."""

    linear: Linear
    c: float
    held_out: NDArray[np.float64]
    at_edge: bool
    converged: bool


def choose_c(
    train: tuple[Any, NDArray[np.int64]],
    validation: tuple[Any, NDArray[np.int64]],
    labels: int,
    grid: Sequence[float],
    select_by: str,
    positive: int | None,
    progress: Progress,
) -> Chosen:
    """Fit once for each C of `grid` and keep the best on validation by the metric `select_by`, the first of equals.
    Raises RunError where that is not defined.

    train, validation: features [rows, features], dense or sparse, and labels [rows].
    """
    best: tuple[float, Chosen] | None = None
    for at, c in enumerate(grid):
        linear, converged = fit_logistic(*train, labels, c)
        held_out = softmax(linear.logits(validation[0]))
        value = point_metrics(validation[1], held_out, positive)[select_by]
        value = -value if select_by == "loss" else value
        progress("train", at + 1, len(grid), {})
        if math.isfinite(value) and (best is None or value > best[0]):
            best = value, Chosen(linear, c, held_out, at in (0, len(grid) - 1), converged)
    if best is None:
        raise RunError(
            f"--select-by {select_by}: it is not defined on the validation rows, so C cannot be chosen. Select by loss."
        )
    return best[1]


def fit_logistic(features: Any, rows: NDArray[np.int64], labels: int, c: float) -> tuple[Linear, bool]:
    """Fit scikit-learn's logistic regression (multinomial for more than two labels, L-BFGS); returns its layer for
    all `labels`, and whether it converged."""
    model = LogisticRegression(C=c, max_iter=MOST_ITERATIONS)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model.fit(features, rows)
    converged = not any(issubclass(warning.category, ConvergenceWarning) for warning in said)
    weight = np.zeros((labels, features.shape[1]))
    bias = np.full(labels, ABSENT)
    if len(model.classes_) == 2:
        # scikit-learn keeps the log-odds of the second label alone.
        weight[model.classes_[1]], bias[model.classes_] = model.coef_[0], (0.0, model.intercept_[0])
    else:
        weight[model.classes_], bias[model.classes_] = model.coef_, model.intercept_
    return Linear(weight, bias), converged
