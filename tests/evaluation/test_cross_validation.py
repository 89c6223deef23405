from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.power import TTestPower

from lightune.evaluation import METRICS, compare, compare_folds, confusion_matrix, point_metrics, score_folds, wilson
from lightune.evaluation.resampled import ResampledMean
from lightune.records import Predictions

from .helpers import from_predicted, make, random_rows


def places(rows: int, folds: int, repeat: int) -> NDArray:
    """The fold of each row, cut at random."""
    return np.random.default_rng(1000 + repeat).permutation(np.arange(rows) % folds)


def parts_of(
    runs: Sequence[tuple[NDArray, NDArray]], folds: int, arm: str = "lora", first_seed: int = 0
) -> list[Predictions]:
    """The parts of an arm; runs: for each repeat the labels and what the folds together say of them."""
    made = []
    for repeat, (labels, probabilities) in enumerate(runs):
        fold_of = places(len(labels), folds, repeat)
        for fold in range(folds):
            at = np.flatnonzero(fold_of == fold)
            ids = tuple(f"row-{row}" for row in at)
            seed = first_seed + repeat * folds + fold
            made.append(make(labels[at], probabilities[at], row_ids=ids, seed=seed, arm=arm))
    return made


def repeats(count: int, rows: int = 120, k: int = 2, signal: float = 1.0, noise: int = 0) -> list[tuple]:
    """Answers of one arm in each repeat, on the same rows; another `noise` is another arm."""
    labels, _ = random_rows(rows, k)
    runs = []
    for repeat in range(count):
        generator = np.random.default_rng(10 * repeat + noise)
        logits = np.random.default_rng(5).normal(size=(rows, k)) + generator.normal(size=(rows, k))
        logits[np.arange(rows), labels] += signal
        runs.append((labels, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)))
    return runs


@pytest.mark.parametrize(("k", "positive"), [(2, 1), (2, 0), (6, None)])
def test_values_are_means_over_repeats_of_all_rows_together(k: int, positive: int | None) -> None:
    runs = repeats(3, k=k)
    parts = parts_of(runs, 4)
    found = score_folds(parts, 4, 90, positive)
    assert found.rows == 120
    assert tuple(found.metrics) == METRICS
    whole = [point_metrics(*run, positive) for run in runs]
    by_fold = [point_metrics(part.labels, part.probabilities, positive) for part in parts]
    for name in METRICS:
        mean_of = by_fold if name in ("auroc", "pr_auc") else whole
        assert found.metrics[name].value == pytest.approx(np.mean([values[name] for values in mean_of])), name
        assert found.metrics[name].low < found.metrics[name].value < found.metrics[name].high, name
    labels, probabilities = runs[0]
    assert found.confusion == tuple(map(tuple, confusion_matrix(labels, probabilities.argmax(axis=1), k).tolist()))


def test_the_interval_is_nadeau_and_bengios_by_hand() -> None:
    parts = parts_of(repeats(3), 4)
    accuracy = score_folds(parts, 4, 90, 1).metrics["accuracy"]
    values = [float((part.probabilities.argmax(axis=1) == part.labels).mean()) for part in parts]
    error = math.sqrt(np.var(values, ddof=1) * (1 / 12 + 30 / 90))
    half = stats.t.ppf(0.975, 11) * error
    assert (accuracy.low, accuracy.high) == pytest.approx((np.mean(values) - half, np.mean(values) + half))


def test_fewer_training_rows_widen_the_interval() -> None:
    parts = parts_of(repeats(2), 4)
    few, many = (score_folds(parts, 4, rows, 1).metrics["loss"] for rows in (45, 90))
    assert many.high - many.low < few.high - few.low


def test_intervals_stay_within_what_the_metric_can_be() -> None:
    found = score_folds(parts_of(repeats(1, rows=30, signal=2.5), 5), 5, 24, 1).metrics
    for name in METRICS:
        assert (-1 if name == "mcc" else 0) <= found[name].low <= found[name].value <= found[name].high
        assert name == "loss" or found[name].high <= 1
    assert found["accuracy"].high == 1


def test_parts_may_come_in_any_order() -> None:
    parts = parts_of(repeats(2), 4)
    assert score_folds(parts[::-1], 4, 90, 1) == score_folds(parts, 4, 90, 1)


def test_folds_that_agree_leave_accuracy_wilsons_interval() -> None:
    labels = np.array([0, 1] * 20)
    right = from_predicted(labels.tolist(), labels.tolist()).probabilities
    found = score_folds(parts_of([(labels, right)] * 2, 4), 4, 30, 1)
    assert found.metrics["accuracy"] == wilson(40, 40)
    assert found.metrics["f1"].low == found.metrics["f1"].high == 1


def test_areas_are_undefined_where_a_fold_lacks_a_label() -> None:
    labels = np.array([1] * 38 + [0] * 2)
    _, probabilities = random_rows(40, 2)
    found = score_folds(parts_of([(labels, probabilities)], 4), 4, 30, 1).metrics
    assert math.isnan(found["auroc"].value)
    assert math.isnan(found["pr_auc"].high)
    assert found["accuracy"].low < found["accuracy"].high


def pair(count: int = 3, k: int = 2) -> tuple[list[Predictions], list[Predictions]]:
    return (
        parts_of(repeats(count, k=k, signal=1.6), 4, first_seed=7),
        parts_of(repeats(count, k=k, noise=1), 4, "tfidf", first_seed=7),
    )


@pytest.mark.full
@pytest.mark.parametrize(("k", "positive"), [(2, 1), (6, None)])
def test_a_comparison_has_the_folds_differences(k: int, positive: int | None) -> None:
    a, b = pair(k=k)
    found = compare_folds(a, b, 4, 90, positive)
    assert (found.a, found.b, found.seed, found.rows) == ("lora", "tfidf", 7, 120)
    of_a, of_b = (score_folds(parts, 4, 90, positive).metrics for parts in (a, b))
    for name, delta in (("accuracy", found.delta_accuracy), ("f1", found.delta_f1)):
        assert delta.value == pytest.approx(of_a[name].value - of_b[name].value)
        by_fold = [
            point_metrics(x.labels, x.probabilities, positive)[name]
            - point_metrics(y.labels, y.probabilities, positive)[name]
            for x, y in zip(a, b, strict=True)
        ]
        error = math.sqrt(np.var(by_fold, ddof=1) * (1 / 12 + 30 / 90))
        half = stats.t.ppf(0.975, 11) * error
        assert (delta.low, delta.high) == pytest.approx((delta.value - half, delta.value + half))
        if name == "accuracy":
            assert found.p_value == pytest.approx(2 * stats.t.sf(abs(delta.value / error), 11))
    assert math.isnan(found.p_mid)
    assert math.isnan(found.p_holm)


def test_the_p_value_without_the_correction_is_scipys_t_test() -> None:
    values = np.random.default_rng(0).normal(0.02, 0.03, size=12)
    plain = ResampledMean.of(float(values.mean()), values, 1e-12)
    peer = stats.ttest_1samp(values, 0.0)
    assert plain.p_value() == pytest.approx(peer.pvalue)
    interval = peer.confidence_interval(0.95)
    assert (plain.interval(-1, 1).low, plain.interval(-1, 1).high) == pytest.approx((interval.low, interval.high))


def test_a_comparison_counts_the_rows_of_the_first_repeat() -> None:
    (labels, of_a), (_, of_b) = repeats(2, signal=1.6)[0], repeats(2, noise=1)[0]
    plain = compare(make(labels, of_a), make(labels, of_b, arm="tfidf"), 1, resamples=1)
    found = compare_folds(*pair(2), 4, 90, 1)
    for name in ("wins", "losses", "both_right", "both_wrong"):
        assert getattr(found, name) == getattr(plain, name)
    assert {row.row_id for row in found.won} == {row.row_id for row in plain.won}
    assert found.wins + found.losses + found.both_right + found.both_wrong == 120


def test_the_detectable_difference_is_found_at_80_percent_power() -> None:
    found = compare_folds(*pair(), 4, 90, 1)
    half = found.delta_accuracy.high - found.delta_accuracy.value
    error = half / stats.t.ppf(0.975, 11)
    effect = found.detectable / error / math.sqrt(12)
    assert TTestPower().power(effect, 12, 0.05) == pytest.approx(0.8, abs=1e-6)
    assert found.detectable > half


def test_the_same_answers_do_not_differ() -> None:
    a, _ = pair()
    found = compare_folds(a, [replace(part, arm="tfidf") for part in a], 4, 90, 1)
    assert (found.delta_accuracy.low, found.delta_accuracy.value, found.delta_accuracy.high) == (0, 0, 0)
    assert found.p_value == 1
    assert found.wins == found.losses == 0


def test_where_all_folds_differ_alike_the_rows_decide() -> None:
    """One more row right in each of two folds is no proof, though the folds' spread is 0."""
    labels = np.array([0, 1] * 10)
    fold_of = places(20, 2, 0)
    worse = labels.copy()
    for fold in (0, 1):
        at = np.flatnonzero(fold_of == fold)[0]
        worse[at] = 1 - worse[at]
    of_a, of_b = (from_predicted(labels.tolist(), said.tolist()).probabilities for said in (labels, worse))
    found = compare_folds(parts_of([(labels, of_a)], 2), parts_of([(labels, of_b)], 2, "tfidf"), 2, 10, 1)
    assert found.delta_accuracy.value == pytest.approx(0.1)
    assert found.delta_accuracy.low < 0.1 < found.delta_accuracy.high
    assert found.p_value == pytest.approx(0.5)  # McNemar: two rows to none
    assert math.isnan(found.p_mid)


def test_folds_that_failed_are_left_out() -> None:
    a, b = pair(2)
    some = [0, 2, 3, 5, 6, 7]
    of_a, of_b = [a[at] for at in some], [b[at] for at in some]
    found = score_folds(of_a[1:], 4, 90, 1, first_seed=7)
    first = point_metrics(
        *(np.concatenate([getattr(a[at], name) for at in (2, 3)]) for name in ("labels", "probabilities")), 1
    )
    second = point_metrics(
        *(np.concatenate([getattr(a[at], name) for at in (5, 6, 7)]) for name in ("labels", "probabilities")), 1
    )
    assert found.metrics["f1"].value == pytest.approx(0.4 * first["f1"] + 0.6 * second["f1"])
    assert sum(map(sum, found.confusion)) == 60
    assert found.rows == len({row_id for part in of_a[1:] for row_id in part.row_ids})
    compared = compare_folds(of_a, of_b, 4, 90, 1)
    assert compared.rows == 90
    with pytest.raises(ValueError, match="each row id once"):  # taken for the first fold, the third shifts all others
        score_folds([*of_a[1:], a[4]], 4, 90, 1)


def test_one_fold_alone_is_a_test_set() -> None:
    a, b = pair(1)
    found = score_folds(a[:1], 4, 90, 1).metrics["accuracy"]
    right = int((a[0].probabilities.argmax(axis=1) == a[0].labels).sum())
    assert found == wilson(right, 30)
    compared, plain = compare_folds(a[:1], b[:1], 4, 90, 1), compare(a[0], b[0], 1)
    assert compared == replace(plain, p_mid=compared.p_mid)


def broken(fault: str) -> list[Predictions]:
    parts = parts_of(repeats(2), 4)
    *others, last = parts
    changed = {
        "none": [],
        "same seed": [*others, replace(last, seed=3)],
        "arm": [*others, replace(last, arm="full")],
        "split": [*others, replace(last, split="extra")],
        "names": [*others, replace(last, label_names=("b", "a"))],
        "unsound": [*others, replace(last, probabilities=last.probabilities * 2)],
        "twice": [replace(parts[1], seed=0), *parts[1:]],
        "labels": [*others, replace(last, labels=1 - last.labels)],
    }
    return changed[fault]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("none", r"parts with a seed of its own each.* got 4 and the seeds \[\]"),
        ("same seed", r"got 4 and the seeds \[0, 1, 2, 3, 3, 4, 5, 6\]"),
        ("arm", "one arm is expected, got lora and full"),
        ("split", "one split is expected"),
        ("names", "one label_names is expected"),
        ("unsound", "rows that sum to 1"),
        ("twice", "each row id once is expected"),
        ("labels", "one label a row is expected of lora in all repeats, row-.* is [ab] and [ab]"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(fault: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        score_folds(broken(fault), 4, 90, 1)


def test_seeds_and_folds_that_cannot_be_are_refused() -> None:
    parts = parts_of(repeats(1), 4)
    with pytest.raises(ValueError, match=r"2 or more folds, .* got 1 and"):
        score_folds(parts, 1, 90, 1)
    with pytest.raises(ValueError, match="from 1 on, are expected"):
        score_folds(parts, 4, 90, 1, first_seed=1)


def test_arms_that_were_not_cut_alike_are_refused() -> None:
    a, b = pair(2)
    with pytest.raises(ValueError, match="the same folds of lora and tfidf are expected, got the seeds"):
        compare_folds(a, b[:4], 4, 90, 1)
    turned = [replace(part, seed=7 + (part.seed - 7 + 1) % 4) for part in b[:4]]
    with pytest.raises(ValueError, match="the same rows in each fold are expected of lora and tfidf, those of seed 7"):
        compare_folds(a[:4], turned, 4, 90, 1)
    with pytest.raises(ValueError, match="train_rows: at least 1 is expected, got 0"):
        compare_folds(a, b, 4, 0, 1)
    with pytest.raises(ValueError, match="At least 1 fold and a share above 0"):
        ResampledMean.of(0.0, np.array([0.1]), 0.0)


WIDTH, SHIFT = 5, 0.45


def right_by_centroid(features: NDArray, labels: NDArray, folds: NDArray, count: int) -> NDArray:
    """Accuracy [repeats x folds] of the nearest centroid, on each fold of each repeat, trained on the others."""
    out = []
    for fold_of in folds:
        for fold in range(count):
            test = fold_of == fold
            centers = [features[~test & (labels == label)].mean(axis=0) for label in (0, 1)]
            toward = centers[1] - centers[0]
            said = features[test] @ toward > toward @ (centers[0] + centers[1]) / 2
            out.append((said == labels[test]).mean())
    return np.array(out)


def true_accuracy(rows: int) -> float:
    """Of the nearest centroid trained on so many rows, over trainings, on all rows there are."""
    generator = np.random.default_rng(77)
    noise = generator.normal(size=(2, 20_000, WIDTH)) / math.sqrt(rows / 2)
    centers = np.array([-SHIFT, SHIFT])[:, None, None] + noise
    toward = centers[1] - centers[0]
    middle = (toward * centers.sum(axis=0)).sum(axis=1) / 2
    length = np.linalg.norm(toward, axis=1)
    away = SHIFT * toward.sum(axis=1)
    return float((stats.norm.cdf((away - middle) / length) + stats.norm.cdf((away + middle) / length)).mean() / 2)


@cache
def simulated(rows: int, folds: int, times: int, draws: int) -> tuple[NDArray, NDArray]:
    """Accuracies [draws, repeats x folds] of two classifiers, equally good: each has features of its own."""
    generator = np.random.default_rng(3)
    labels = np.arange(rows) % 2
    found = []
    for _ in range(draws):
        features = generator.normal(size=(rows, 2 * WIDTH)) + SHIFT * (2 * labels[:, None] - 1)
        cut = np.empty((times, rows), dtype=int)
        for label in (0, 1):
            at = np.flatnonzero(labels == label)
            cut[:, at] = [generator.permutation(np.arange(len(at)) % folds) for _ in range(times)]
        found.append([right_by_centroid(own, labels, cut, folds) for own in np.split(features, 2, axis=1)])
    both = np.array(found)
    return both[:, 0], both[:, 1]


def corrected(by_fold: NDArray, share: float) -> ResampledMean:
    return ResampledMean.of(float(by_fold.mean()), by_fold, share)


@pytest.mark.full
def test_the_corrected_test_errs_as_it_says_and_the_naive_one_far_more() -> None:
    a, b = simulated(100, 5, 10, 300)
    errs, naive = (
        np.mean([corrected(of_a - of_b, share).p_value() < 0.05 for of_a, of_b in zip(a, b, strict=True)])
        for share in (1 / 4, 1e-12)
    )
    assert errs <= 0.07
    assert naive > 0.4


@pytest.mark.full
def test_the_corrected_interval_covers_the_true_accuracy_and_the_naive_one_does_not() -> None:
    truth = true_accuracy(80)
    a, b = simulated(100, 5, 10, 300)
    covers, naive = (
        np.mean([m.low <= truth <= m.high for m in (corrected(v, share).interval(0, 1) for v in [*a, *b])])
        for share in (1 / 4, 1e-12)
    )
    assert 0.92 <= covers <= 0.99
    assert naive < 0.7
