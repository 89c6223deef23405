from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as peer

from lightune.evaluation import METRICS, confusion_matrix, point_metrics, predicted_labels, seed_scores
from lightune.evaluation.metrics import Measures

from .helpers import from_predicted, make, random_rows


def peers(labels: NDArray, probabilities: NDArray, positive: int | None) -> dict[str, float]:
    """The same metrics by scikit-learn."""
    k = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    macro = {"average": "macro", "zero_division": 0, "y_true": labels, "y_pred": predicted}
    one = macro if positive is None else macro | {"average": "binary", "pos_label": positive}
    ranked = range(k) if positive is None else [positive]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one label alone: scikit-learn warns, and answers
        return {
            "accuracy": peer.accuracy_score(labels, predicted),
            "f1": peer.f1_score(**one),
            "macro_f1": peer.f1_score(**macro),
            "precision": peer.precision_score(**one),
            "recall": peer.recall_score(**one),
            "loss": peer.log_loss(labels, probabilities, labels=range(k)),
            "mcc": peer.matthews_corrcoef(labels, predicted),
            "auroc": np.mean([peer.roc_auc_score(labels == c, probabilities[:, c]) for c in ranked]),
            "pr_auc": np.mean([peer.average_precision_score(labels == c, probabilities[:, c]) for c in ranked]),
        }


def assert_as_peers(labels: NDArray, probabilities: NDArray, positive: int | None, *, ranked: bool = True) -> None:
    ours, theirs = point_metrics(labels, probabilities, positive), peers(labels, probabilities, positive)
    assert tuple(ours) == METRICS
    for name in METRICS:
        if name in ("auroc", "pr_auc") and not ranked:
            assert math.isnan(ours[name]), name
        else:
            assert ours[name] == pytest.approx(theirs[name], abs=1e-12, rel=0), name


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("rows", "signal"), [(12, 1.0), (300, 1.0), (300, 0.0), (300, 8.0)])
@pytest.mark.parametrize(("k", "positive"), [(2, 0), (2, 1), (3, None), (6, None)])
def test_every_metric_is_scikit_learns(k: int, positive: int | None, rows: int, signal: float, seed: int) -> None:
    assert_as_peers(*random_rows(rows, k, seed, signal), positive)


@pytest.mark.parametrize(("k", "positive"), [(2, 0), (2, 1), (3, None), (6, None)])
@pytest.mark.parametrize("always", [0, 1])
def test_a_constant_answer_is_scored_as_scikit_learn_does(k: int, positive: int | None, always: int) -> None:
    labels, _ = random_rows(60, k)
    constant = np.full(k, 0.5 / (k - 1))
    constant[always] = 0.5 + 1e-9
    constant /= constant.sum()
    assert_as_peers(labels, np.tile(constant, (60, 1)), positive)


@pytest.mark.parametrize(("k", "positive"), [(2, 0), (2, 1), (3, None), (6, None)])
def test_a_label_without_rows_leaves_the_rest_as_scikit_learn_and_the_ranking_undefined(
    k: int, positive: int | None
) -> None:
    labels, probabilities = random_rows(60, k)
    kept = labels != 1
    assert_as_peers(labels[kept], probabilities[kept], positive, ranked=False)


@pytest.mark.parametrize(("k", "positive"), [(2, 0), (2, 1), (3, None)])
@pytest.mark.parametrize("right", [True, False])
def test_one_row(k: int, positive: int | None, right: bool) -> None:
    probabilities = np.full((1, k), 0.2 / (k - 1))
    probabilities[0, 0] = 0.8
    assert_as_peers(np.array([0 if right else 1]), probabilities, positive, ranked=False)


def test_two_labels_by_hand() -> None:
    # Predicted 0 1 1 0 1: TP 2, FP 1, FN 1, TN 1.
    metrics = point_metrics(np.array([0, 1, 1, 1, 0]), make([0] * 5, [0.4, 0.8, 0.6, 0.2, 0.9]).probabilities, 1)
    assert metrics["accuracy"] == pytest.approx(3 / 5)
    assert metrics["precision"] == metrics["recall"] == metrics["f1"] == pytest.approx(2 / 3)
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert metrics["mcc"] == pytest.approx((2 * 1 - 1 * 1) / math.sqrt(3 * 3 * 2 * 2))
    assert metrics["loss"] == pytest.approx(-sum(map(math.log, [0.6, 0.8, 0.6, 0.2, 0.1])) / 5)
    # Positives score 0.8, 0.6, 0.2, others 0.4, 0.9: of six pairs two are in order.
    assert metrics["auroc"] == pytest.approx(2 / 6)
    assert metrics["pr_auc"] == pytest.approx((1 / 2 + 2 / 3 + 3 / 5) / 3)


def test_a_tie_counts_half_in_auroc() -> None:
    metrics = point_metrics(np.array([0, 1, 1]), make([0] * 3, [0.5, 0.5, 0.9]).probabilities, 1)
    assert metrics["auroc"] == pytest.approx((0.5 + 1) / 2)


def test_macro_means_leave_out_labels_that_never_occur() -> None:
    three = from_predicted([0, 0, 1, 1], [0, 0, 1, 0], k=3)
    assert point_metrics(three.labels, three.probabilities, None)["macro_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)


def test_a_certain_error_costs_27_nats_and_not_infinity() -> None:
    loss = point_metrics(np.array([0, 1]), make([0, 0], [0.0, 0.0]).probabilities, 1)["loss"]
    assert loss == pytest.approx(-math.log(1e-12) / 2)


def test_none_means_the_second_of_two_labels() -> None:
    labels, probabilities = random_rows(51, 2)
    second = point_metrics(labels, probabilities, 1)
    assert point_metrics(labels, probabilities, None) == second
    assert point_metrics(labels, probabilities, 0)["precision"] != second["precision"]


@pytest.mark.parametrize(("k", "positive"), [(2, 2), (2, -1), (3, 1)])
def test_a_positive_label_that_cannot_be_is_refused(k: int, positive: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        point_metrics(*random_rows(10, k), positive)


def test_arrays_are_checked() -> None:
    with pytest.raises(ValueError, match="sums to 2"):
        point_metrics(np.array([0, 1]), np.ones((2, 2)), 1)


def test_seed_scores_are_point_metrics() -> None:
    labels, probabilities = random_rows(50, 3)
    assert seed_scores(make(labels, probabilities), None) == point_metrics(labels, probabilities, None)


@pytest.mark.full
@pytest.mark.parametrize(("k", "positive"), [(2, 0), (2, 1), (3, None), (6, None)])
def test_a_weight_of_three_is_the_row_three_times(k: int, positive: int | None) -> None:
    labels, probabilities = random_rows(40, k)
    weights = np.random.default_rng(1).integers(0, 4, size=(5, 40))
    measures = Measures.of(labels, probabilities, positive)
    weighted = measures.plain(weights.astype(float)) | measures.ranked(weights.astype(float))
    for at, weight in enumerate(weights):
        repeated = np.repeat(np.arange(40), weight)
        assert np.bincount(labels[repeated], minlength=k).all()
        for name, value in peers(labels[repeated], probabilities[repeated], positive).items():
            assert weighted[name][at] == pytest.approx(value, abs=1e-12, rel=0), name


def test_a_label_that_was_not_drawn_is_left_out_of_the_macro_auroc() -> None:
    labels, probabilities = random_rows(30, 3)
    weights = (labels != 2).astype(float)[None]
    auroc = Measures.of(labels, probabilities, None).ranked(weights)["auroc"][0]
    kept = labels != 2
    expected = [peer.roc_auc_score(labels[kept] == c, probabilities[kept, c]) for c in (0, 1)]
    assert auroc == pytest.approx(np.mean(expected), abs=1e-12)


def test_confusion_matrix_is_scikit_learns() -> None:
    labels, probabilities = random_rows(200, 6)
    predicted = predicted_labels(probabilities)
    ours = confusion_matrix(labels, predicted, 7)
    assert ours.tolist() == peer.confusion_matrix(labels, predicted, labels=range(7)).tolist()
    assert ours.dtype == np.int64


@pytest.mark.parametrize(("labels", "predicted"), [([0, 1], [0]), ([0, 2], [0, 1]), ([0, 1], [0, -1])])
def test_confusion_matrix_refuses_what_does_not_fit(labels: list[int], predicted: list[int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        confusion_matrix(np.array(labels), np.array(predicted), 2)
