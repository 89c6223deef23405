from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import lightune.evaluation as evaluation
from lightune.evaluation import check_predictions, positive_index, predicted_labels

from .helpers import make

GOOD = make([0, 1, 1], [0.2, 0.7, 0.4])


def test_the_most_probable_label_is_predicted_and_the_lowest_index_of_equals() -> None:
    probabilities = np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4], [0.2, 0.4, 0.4]])
    predicted = predicted_labels(probabilities)
    assert predicted.tolist() == [1, 0, 1]
    assert predicted.dtype == np.int64


def test_sound_predictions_pass() -> None:
    check_predictions(GOOD)
    check_predictions(replace(GOOD, probabilities=GOOD.probabilities + 4e-7))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"probabilities": np.array([0.2, 0.7, 0.4])}, r"probabilities \[rows, labels\]"),
        ({"probabilities": np.ones((3, 1))}, "at least 2 labels"),
        ({"labels": np.array([0, 1])}, "3 true labels"),
        ({"labels": np.array([0.0, 1.0, 1.0])}, "integers"),
        ({"labels": np.array([0, -1, 1])}, "row 1 has -1"),
        ({"labels": np.array([0, 1, 2])}, "row 2 has 2"),
        ({"probabilities": np.array([[0.5, 0.5], [np.nan, 1], [0.5, 0.5]])}, "finite .* row 1"),
        ({"probabilities": np.array([[0.5, 0.5], [0.5, 0.5], [-0.5, 1.5]])}, "row 2 is negative"),
        ({"probabilities": np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5 + 3e-6]])}, "row 2 sums to"),
        ({"label_names": ("a", "b", "c")}, "2 label names"),
        ({"row_ids": ("x", "y")}, "3 row ids"),
        ({"row_ids": ("x", "y", "x")}, "x stands there 2 times"),
        (
            {"labels": np.array([], dtype=np.int64), "probabilities": np.ones((0, 2)), "row_ids": ()},
            "at least one row",
        ),
    ],
)
def test_unsound_predictions_are_refused_by_name(changes: dict, fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as caught:
        check_predictions(replace(GOOD, **changes))
    assert str(caught.value).startswith("predictions of lora on test (seed 0)")


@pytest.mark.parametrize(
    ("names", "positive", "index"),
    [
        (("neg", "pos"), None, 1),
        (("neg", "pos"), "neg", 0),
        (("neg", "pos"), "pos", 1),
        (("x", "y", "z"), None, None),
        (("x", "y", "z"), "y", None),
    ],
)
def test_positive_index(names: tuple[str, ...], positive: str | None, index: int | None) -> None:
    assert positive_index(names, positive) == index


def test_an_unknown_positive_label_is_refused() -> None:
    with pytest.raises(ValueError, match="should be neg or pos, got good"):
        positive_index(("neg", "pos"), "good")


def test_the_public_names_are_these() -> None:
    assert sorted(evaluation.__all__) == [
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
    assert all(hasattr(evaluation, name) for name in evaluation.__all__)
