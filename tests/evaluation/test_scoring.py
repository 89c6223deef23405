from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lightune.evaluation import METRICS, point_metrics, score, seed_scores, wilson
from lightune.evaluation import scoring as scoring_module
from lightune.evaluation.bootstrap import CHUNK, cell_resamples, row_resamples
from lightune.records import Predictions
from tests.fixtures.tiers import few

from .helpers import calls, from_predicted, make, random_rows


def runs(seeds: int, rows: int = 200, k: int = 2, spread: float = 0.0, signal: float = 1.0) -> list[Predictions]:
    """Seeds of one arm on the same rows; `spread`: how unequal they are."""
    labels, _ = random_rows(rows, k, 0)
    made = []
    for seed in range(seeds):
        generator = np.random.default_rng(100 + seed)
        logits = generator.normal(size=(rows, k))
        logits[np.arange(rows), labels] += signal + spread * (seed - (seeds - 1) / 2)
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        made.append(make(labels, probabilities, seed=seed))
    return made


@pytest.mark.parametrize(("k", "positive"), [(2, 1), (2, 0), (6, None)])
def test_one_seed_has_the_point_values_within_their_intervals(k: int, positive: int | None) -> None:
    one = make(*random_rows(300, k))
    scores = score([one], positive, resamples=200)
    assert scores.rows == 300
    assert tuple(scores.metrics) == METRICS
    assert {name: metric.value for name, metric in scores.metrics.items()} == point_metrics(
        one.labels, one.probabilities, positive
    )
    for name, metric in scores.metrics.items():
        assert metric.low < metric.value < metric.high, name


def test_accuracy_of_one_seed_has_wilsons_interval() -> None:
    one = from_predicted([0] * 50 + [1] * 50, [0] * 45 + [1] * 55)
    assert score([one], 1, resamples=10).metrics["accuracy"] == wilson(95, 100)


def test_confusion_is_true_by_predicted_of_the_first_seed() -> None:
    first = from_predicted([0, 0, 0, 1, 1], [0, 1, 1, 1, 1])
    second = from_predicted([0, 0, 0, 1, 1], [0, 0, 0, 1, 1], seed=1)
    assert score([first, second], 1, resamples=10).confusion == ((1, 2), (0, 2))


@pytest.mark.parametrize("name", few(METRICS, "accuracy", "f1", "auroc"))
@pytest.mark.full
def test_intervals_are_those_of_rows_drawn_one_by_one(name: str) -> None:
    """Against the plainest bootstrap there is: draw rows, call `point_metrics`, take percentiles."""
    labels, probabilities = random_rows(150, 2)
    generator = np.random.default_rng(5)
    values = []
    for _ in range(1500):
        at = generator.integers(0, 150, size=150)
        values.append(point_metrics(labels[at], probabilities[at], 1)[name])
    low, high = np.quantile(values, [0.025, 0.975])
    metric = score([make(labels, probabilities)], 1, resamples=3000).metrics[name]
    assert (metric.low, metric.high) == pytest.approx((low, high), abs=0.15 * (high - low))


@pytest.mark.full
def test_the_loss_has_the_interval_that_the_normal_distribution_gives() -> None:
    one = make(*random_rows(2000, 3))
    nll = -np.log(one.probabilities[np.arange(2000), one.labels])
    half = 1.96 * nll.std() / math.sqrt(2000)
    loss = score([one], None, resamples=2000).metrics["loss"]
    assert (loss.low, loss.high) == pytest.approx((nll.mean() - half, nll.mean() + half), abs=0.1 * half)


def test_several_seeds_give_the_mean_over_seeds() -> None:
    three = runs(3)
    scores = score(three, 1, resamples=50)
    each = [seed_scores(one, 1) for one in three]
    for name in METRICS:
        assert scores.metrics[name].value == pytest.approx(np.mean([values[name] for values in each]), abs=1e-12)


@pytest.mark.full
def test_seeds_that_differ_widen_every_interval() -> None:
    unequal = runs(4, rows=1000, spread=0.8)
    together = score(unequal, 1, resamples=400).metrics
    for name in METRICS:
        widths = [
            metric.high - metric.low for metric in (score([one], 1, resamples=400).metrics[name] for one in unequal)
        ]
        assert together[name].high - together[name].low > 1.5 * max(widths), name


@pytest.mark.full
def test_the_interval_over_seeds_and_rows_has_the_variance_of_both() -> None:
    four = runs(4, rows=1000, spread=0.4)
    accuracy = score(four, 1, resamples=4000).metrics["accuracy"]
    right = np.array([one.probabilities.argmax(axis=1) == one.labels for one in four])
    between_seeds = right.mean(axis=1).var() / 4
    between_rows = right.mean(axis=0).var() / 1000
    # The resampled seeds and rows cross, which adds the interaction's share: what neither explains.
    residual = right - right.mean(axis=1, keepdims=True) - right.mean(axis=0) + right.mean()
    expected = math.sqrt(between_seeds + between_rows + (residual**2).mean() / 4000)
    assert (accuracy.high - accuracy.low) / (2 * 1.96) == pytest.approx(expected, rel=0.1)


def test_seeds_that_agree_widen_nothing() -> None:
    one = make(*random_rows(500, 2))
    alone = score([one], 1, resamples=1000).metrics
    thrice = score([replace(one, seed=seed) for seed in range(3)], 1, resamples=1000).metrics
    for name in METRICS:
        width = alone[name].high - alone[name].low
        assert thrice[name].high - thrice[name].low == pytest.approx(width, rel=0.15), name


def test_the_same_seed_gives_the_same_intervals_and_another_seed_others() -> None:
    two = runs(2)
    assert score(two, 1, resamples=100) == score(two, 1, resamples=100, seed=0)
    first, other = (score(two, 1, resamples=100, seed=seed).metrics for seed in (0, 1))
    assert first["loss"].value == other["loss"].value
    assert first["loss"].low != other["loss"].low


def test_undefined_areas_are_nan_throughout() -> None:
    one_label = from_predicted([1, 1, 1], [1, 0, 1])
    scores = score([one_label, replace(one_label, seed=1)], 1, resamples=20)
    for name in ("auroc", "pr_auc"):
        metric = scores.metrics[name]
        assert all(math.isnan(value) for value in (metric.value, metric.low, metric.high))
    assert scores.metrics["recall"].value == pytest.approx(2 / 3)


def test_resamples_without_both_labels_are_left_out_of_the_areas() -> None:
    # One positive among five: every third resample lacks it.
    auroc = score([make([0, 0, 0, 0, 1], [0.1, 0.2, 0.3, 0.9, 0.8])], 1, resamples=300).metrics["auroc"]
    assert auroc.value == 0.75
    assert 0 <= auroc.low < 0.75 < auroc.high <= 1


def test_one_row_can_be_scored() -> None:
    scores = score([make([1], [0.8])], 1)
    assert scores.metrics["accuracy"] == wilson(1, 1)
    assert scores.metrics["loss"].low == scores.metrics["loss"].high == pytest.approx(-math.log(0.8))
    assert scores.confusion == ((0, 0), (0, 1))


def test_a_certain_error_leaves_the_loss_finite() -> None:
    loss = score([make([0, 1, 1], [0.0, 0.0, 1.0])], 1, resamples=50).metrics["loss"]
    assert loss.value == pytest.approx(-math.log(1e-12) / 3)
    assert math.isfinite(loss.high)


def test_where_ranking_costs_too_much_fewer_resamples_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(scoring_module, "RANKED_WORK", 100 * 60 * 3)
    monkeypatch.setattr(scoring_module, "LEAST_RANKED_RESAMPLES", 20)
    monkeypatch.setattr(
        scoring_module,
        "percentile_interval",
        lambda value, resampled: seen.append(len(resampled)),
    )
    score([make(*random_rows(60, 3))], None, resamples=300)
    assert dict(zip(METRICS, seen, strict=True)) == dict.fromkeys(METRICS, 300) | {"auroc": 100, "pr_auc": 100}
    seen.clear()
    monkeypatch.setattr(scoring_module, "RANKED_WORK", 1)
    score([make(*random_rows(60, 3))], None, resamples=300)
    assert seen[-2:] == [20, 20]


@pytest.mark.full
def test_77_labels_are_scored_together() -> None:
    labels, probabilities = random_rows(1540, 77)
    names = tuple(f"label {i}" for i in range(77))
    made, found = make(labels, probabilities, label_names=names), []
    # One call for each label of each resample would be 15,400 times what a call of a measure calls.
    assert calls(lambda: found.append(score([made], None, resamples=200))) < 30_000
    (scores,) = found
    assert np.array(scores.confusion).shape == (77, 77)
    assert scores.metrics["f1"] == scores.metrics["macro_f1"]


@pytest.mark.full
def test_25_000_rows_are_scored_together() -> None:
    one = make(*random_rows(25_000, 2))
    assert calls(lambda: score([one], 1)) < 100_000


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"arm": "full"}, "one arm is expected, got lora and full"),
        ({"split": "handwritten"}, "one split"),
        ({"train_size": 50}, "one train_size"),
        ({"label_names": ("b", "a")}, "one label_names"),
        ({"row_ids": ("row-1", "row-0", "row-2")}, "same rows"),
        ({"labels": np.array([0, 1, 0])}, "same rows and labels"),
        ({"seed": 0}, "each seed once is expected, got 0, 0"),
        ({"probabilities": np.ones((3, 2))}, r"seed 1\): rows that sum to 1"),
    ],
)
def test_predictions_that_do_not_belong_together_are_refused(changes: dict, fault: str) -> None:
    first = make([0, 1, 1], [0.2, 0.7, 0.4])
    score([first, replace(first, seed=1)], 1, resamples=1)
    with pytest.raises(ValueError, match=fault):
        score([first, replace(first, **({"seed": 1} | changes))], 1)


def test_no_predictions_and_no_resamples_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one seed"):
        score([], 1)
    with pytest.raises(ValueError, match="resamples: at least 1 is expected, got 0"):
        score([make([0, 1], [0.2, 0.7])], 1, resamples=0)


@pytest.mark.parametrize(("rows", "resamples"), [(3, 10), (CHUNK // 4, 10), (CHUNK + 1, 3)])
def test_resamples_come_whole_whatever_the_chunks(rows: int, resamples: int) -> None:
    chunks = list(row_resamples(np.random.default_rng(0), rows, resamples))
    weights = np.concatenate(chunks)
    assert weights.shape == (resamples, rows)
    assert (weights.sum(axis=1) == rows).all()
    assert (weights >= 0).all()
    assert (weights[0] != weights[1]).any()
    assert (weights[-2] != weights[-1]).any()
    assert max(chunk.size for chunk in chunks) <= max(CHUNK, rows)


def test_drawing_cells_is_drawing_rows() -> None:
    """Rows in three cells of 5, 20, 75: both ways give multinomial counts, in mean and covariance."""
    counts = np.array([5, 20, 75])
    cell_of = np.repeat(np.eye(3), counts, axis=0)
    by_rows = np.concatenate(list(row_resamples(np.random.default_rng(1), 100, 20_000))) @ cell_of
    by_cells = np.concatenate(list(cell_resamples(np.random.default_rng(2), counts, 20_000)))
    shares = counts / 100
    covariance = 100 * (np.diag(shares) - np.outer(shares, shares))
    for drawn in (by_rows, by_cells):
        assert (drawn.sum(axis=1) == 100).all()
        assert drawn.mean(axis=0) == pytest.approx(counts, abs=0.15)
        assert np.cov(drawn.T) == pytest.approx(covariance, abs=0.6)
