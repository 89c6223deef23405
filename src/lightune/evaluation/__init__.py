"""Saved predictions in, metrics, intervals and paired tests out. Pure functions of numpy arrays; no model needed."""

from lightune.evaluation.comparison import compare
from lightune.evaluation.counts import confusion_matrix
from lightune.evaluation.intervals import wilson
from lightune.evaluation.mcnemar import mcnemar
from lightune.evaluation.metrics import METRICS, RANKED, point_metrics, seed_scores
from lightune.evaluation.positive import positive_index
from lightune.evaluation.predicted import check_predictions, predicted_labels
from lightune.evaluation.scoring import score

__all__ = [
    "METRICS",
    "RANKED",
    "check_predictions",
    "compare",
    "confusion_matrix",
    "mcnemar",
    "point_metrics",
    "positive_index",
    "predicted_labels",
    "score",
    "seed_scores",
    "wilson",
]
