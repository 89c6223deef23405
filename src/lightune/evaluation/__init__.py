"""Saved predictions in, metrics, intervals and paired tests out. Pure functions of numpy arrays; no model needed."""

from lightune.evaluation.acquisition import rank_unlabelled
from lightune.evaluation.alone import alone_right
from lightune.evaluation.calibration import apply_temperature, calibration, fit_temperature
from lightune.evaluation.certified import certified_lines, inapplicable
from lightune.evaluation.comparison import compare, decided, flipped, with_holm
from lightune.evaluation.counts import confusion_matrix
from lightune.evaluation.cross_validation import compare_folds, score_folds
from lightune.evaluation.english import looks_english
from lightune.evaluation.frontier import frontiers
from lightune.evaluation.holm import holm
from lightune.evaluation.intervals import wilson
from lightune.evaluation.label_issues import label_issues
from lightune.evaluation.learning_curve import learning_curve
from lightune.evaluation.mcnemar import mcnemar, mcnemar_mid_p
from lightune.evaluation.metrics import METRICS, RANKED, point_metrics, seed_scores
from lightune.evaluation.overlap import overlap
from lightune.evaluation.positive import positive_index
from lightune.evaluation.power import detectable_difference
from lightune.evaluation.predicted import check_predictions, predicted_labels
from lightune.evaluation.scoring import score
from lightune.evaluation.seeds import compare_seeds
from lightune.evaluation.slices import check_slice_columns, slices
from lightune.evaluation.terms import method_terms, unequal_terms
from lightune.evaluation.verdict import verdict

__all__ = [
    "METRICS",
    "RANKED",
    "alone_right",
    "apply_temperature",
    "calibration",
    "certified_lines",
    "check_predictions",
    "check_slice_columns",
    "compare",
    "compare_folds",
    "compare_seeds",
    "confusion_matrix",
    "decided",
    "detectable_difference",
    "fit_temperature",
    "flipped",
    "frontiers",
    "holm",
    "inapplicable",
    "label_issues",
    "learning_curve",
    "looks_english",
    "mcnemar",
    "mcnemar_mid_p",
    "method_terms",
    "overlap",
    "point_metrics",
    "positive_index",
    "predicted_labels",
    "rank_unlabelled",
    "score",
    "score_folds",
    "seed_scores",
    "slices",
    "unequal_terms",
    "verdict",
    "wilson",
    "with_holm",
]
