"""Every metric of one set of predictions: as it stands, or under any weighting of its rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightune.evaluation.counts import Floats, Tally, count_metrics
from lightune.evaluation.positive import checked_positive
from lightune.evaluation.predicted import check_arrays, check_predictions, predicted_labels
from lightune.evaluation.ranking import Ranking, macro_areas
from lightune.records import Predictions

METRICS = ("accuracy", "f1", "macro_f1", "precision", "recall", "loss", "mcc", "auroc", "pr_auc")
RANKED = ("auroc", "pr_auc")

PROBABILITY_FLOOR = 1e-12


@dataclass(frozen=True)
class Measures:
    """n rows made ready for measuring under many weightings: all that does not depend on the weights is done.

    nll: [n], nats. rankings: the positive label's, or without one each label's; none at all where a label has no row,
    since then AUROC and average precision are undefined.
    """

    positive: int | None
    tally: Tally
    nll: Floats
    rankings: tuple[Ranking, ...]

    @classmethod
    def of(cls, labels: NDArray[np.int64], probabilities: Floats, positive: int | None) -> Measures:
        """Prepare labels [n] and probabilities [n, k] that `check_arrays` accepts; `positive` as it is in k labels."""
        probabilities = np.asarray(probabilities, dtype=np.float64)
        k = probabilities.shape[1]
        ranked = range(k) if positive is None else (positive,)
        complete = np.bincount(labels, minlength=k).all()
        return cls(
            positive=positive,
            tally=Tally.of(labels, predicted_labels(probabilities), k),
            nll=_nll(labels, probabilities),
            rankings=tuple(Ranking.of(probabilities[:, c], labels == c) for c in ranked) if complete else (),
        )

    def plain(self, weights: Floats) -> dict[str, Floats]:
        """Return every metric but the ranked ones, each [b], under weights [b, n]: how often each row was drawn."""
        metrics = count_metrics(self.tally.counts(weights), self.positive)
        return {**metrics, "loss": weights @ self.nll / weights.sum(axis=1)}

    def ranked(self, weights: Floats) -> dict[str, Floats]:
        """Return auroc and pr_auc, each [b], under weights [b, n]. A label of which no row was drawn is left out."""
        if not self.rankings:
            return {name: np.full(len(weights), np.nan) for name in RANKED}
        auroc, average = macro_areas(self.rankings, weights)
        return {"auroc": auroc, "pr_auc": average}

    def values(self) -> dict[str, float]:
        """Return every metric of the rows as they stand, in the order of METRICS."""
        once = np.ones((1, len(self.nll)))
        metrics = {**self.plain(once), **self.ranked(once)}
        return {name: float(metrics[name][0]) for name in METRICS}


def point_metrics(
    labels: NDArray[np.int64], probabilities: NDArray[np.float64], positive: int | None
) -> dict[str, float]:
    """Return accuracy, f1, macro_f1, precision, recall, loss, mcc, auroc and pr_auc of n rows, without intervals.

    labels: int64 [n], the true ones. probabilities: float64 [n, k], rows sum to one. positive: with two labels the
    index of the positive one, None the second; with more it must be None.

    The predicted label is the most probable one, the lowest index of equals. precision, recall and f1 are the positive
    label's for two labels, the macro mean otherwise; macro_f1 is always the macro mean. Macro means run over the labels
    that occur as true or predicted, and what would be 0/0 is 0, as in scikit-learn. loss is the mean negative natural
    logarithm of the true label's probability, which counts as at least 1e-12, so that one confident error costs 27.6
    nats and not infinity. mcc is Matthews' correlation for k labels (Gorodkin 2004), 0 where one label alone is true or
    predicted. auroc and pr_auc (average precision) rank by the positive label's probability, with more labels by each
    one's against the rest, averaged; NaN where a label has no true row.

    Raises ValueError naming what is wrong with the labels, the probabilities or `positive`.
    """
    check_arrays(labels, probabilities)
    positive = checked_positive(positive, probabilities.shape[1])
    return Measures.of(labels, probabilities, positive).values()


def seed_scores(predictions: Predictions, positive: int | None) -> dict[str, float]:
    """Return `point_metrics` of one run's predictions. Raises ValueError as `check_predictions` does."""
    check_predictions(predictions)
    return point_metrics(predictions.labels, predictions.probabilities, positive)


def _nll(labels: NDArray[np.int64], probabilities: Floats) -> Floats:
    of_true = probabilities[np.arange(len(labels)), labels]
    return -np.log(np.clip(of_true, PROBABILITY_FLOOR, 1.0))
