from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import f1_score

from lightune.evaluation import compare, compare_seeds
from lightune.evaluation.seeds import _Draws
from lightune.records import Metric, Predictions

from .helpers import calls, from_predicted, make, random_rows


def runs(
    arm: str, seeds: int, rows: int = 300, k: int = 2, signal: float = 1.5, spread: float = 0.0
) -> list[Predictions]:
    """Seeds of an arm on the same rows; `spread`: how unequal they are."""
    labels, _ = random_rows(rows, k, 0)
    made = []
    for seed in range(seeds):
        generator = np.random.default_rng([seed, *arm.encode()])
        skill = signal + spread * (seed - (seeds - 1) / 2)
        guess = generator.integers(0, k, size=rows)
        predicted = np.where(generator.random(rows) < norm.cdf(skill - 1), labels, guess)
        made.append(from_predicted(labels, predicted, k, arm=arm, seed=seed))
    return made


def accuracy(run: Predictions) -> float:
    return float((run.probabilities.argmax(axis=1) == run.labels).mean())


@pytest.mark.parametrize(("k", "positive"), [(2, 0), (2, 1), (6, None)])
def test_deltas_are_differences_of_the_means_over_seeds(k: int, positive: int | None) -> None:
    a, b = runs("lora", 3, k=k), runs("probe", 2, k=k, signal=1.0)
    found = compare_seeds(a, b, positive, resamples=300)
    assert (found.a, found.b, found.seeds_a, found.seeds_b, found.rows) == ("lora", "probe", 3, 2, 300)
    average = {"average": "macro"} if positive is None else {"pos_label": positive}

    def f1(run: Predictions) -> float:
        return float(f1_score(run.labels, run.probabilities.argmax(axis=1), **average))

    for delta, measure in ((found.delta_accuracy, accuracy), (found.delta_f1, f1)):
        expected = np.mean([measure(run) for run in a]) - np.mean([measure(run) for run in b])
        assert delta.value == pytest.approx(expected, abs=1e-12)
        assert delta.low < delta.value < delta.high


def test_the_two_spreads_are_kept_apart() -> None:
    a, b = runs("lora", 4, rows=500, spread=0.4), runs("full", 3, rows=500)
    found = compare_seeds(a, b, 1, resamples=4000)
    of_a, of_b = ([accuracy(run) for run in arm] for arm in (a, b))
    assert found.seed_sd == pytest.approx(math.sqrt(np.var(of_a, ddof=1) / 4 + np.var(of_b, ddof=1) / 3))
    right_a, right_b = (
        np.mean([run.probabilities.argmax(axis=1) == run.labels for run in arm], axis=0) for arm in (a, b)
    )
    assert found.row_sd == pytest.approx((right_a - right_b).std() / math.sqrt(500), rel=0.05)


def test_seeds_that_differ_widen_the_interval_and_not_the_rows_part() -> None:
    b = runs("tfidf", 1, rows=1000)
    alike, apart = (compare_seeds(runs("lora", 4, 1000, spread=spread), b, 1) for spread in (0.0, 0.6))
    assert apart.seed_sd > 3 * alike.seed_sd
    assert apart.row_sd == pytest.approx(alike.row_sd, rel=0.15)
    assert width(apart.delta_accuracy) > 2 * width(alike.delta_accuracy)
    assert width(apart.delta_f1) > 2 * width(alike.delta_f1)


def width(metric: Metric) -> float:
    return metric.high - metric.low


def test_one_seed_each_is_the_plain_comparison() -> None:
    (a,), (b,) = runs("lora", 1, k=3), runs("tfidf", 1, k=3, signal=1.0)
    found, plain = compare_seeds([a], [b], None), compare(a, b, None)
    assert math.isnan(found.seed_sd)
    for mine, theirs in ((found.delta_accuracy, plain.delta_accuracy), (found.delta_f1, plain.delta_f1)):
        assert mine.value == pytest.approx(theirs.value, abs=1e-12)
        assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), abs=0.1 * width(theirs))


def test_swapping_the_arms_swaps_the_difference() -> None:
    a, b = runs("lora", 3), runs("full", 2, signal=1.0)
    there, back = compare_seeds(a, b, 1), compare_seeds(b, a, 1)
    assert back.delta_accuracy.value == -there.delta_accuracy.value
    assert back.seed_sd == pytest.approx(there.seed_sd)
    assert back.delta_accuracy.low == pytest.approx(-there.delta_accuracy.high, abs=0.2 * width(there.delta_accuracy))


def test_only_shared_rows_count_in_whatever_order() -> None:
    a, b = runs("lora", 3), runs("api", 2)
    turned = [turn(run, np.random.default_rng(1).permutation(300)) for run in b]
    assert compare_seeds(a, turned, 1, resamples=100) == compare_seeds(a, b, 1, resamples=100)
    some = compare_seeds(a, [turn(run, np.arange(40, 300)) for run in b], 1, resamples=100)
    both = [[turn(run, np.arange(40, 300)) for run in arm] for arm in (a, b)]
    assert some == compare_seeds(*both, 1, resamples=100)
    assert some.rows == 260


def turn(run: Predictions, at: np.ndarray) -> Predictions:
    row_ids = tuple(run.row_ids[i] for i in at)
    return replace(run, row_ids=row_ids, labels=run.labels[at], probabilities=run.probabilities[at])


def test_answers_without_probabilities_are_enough() -> None:
    a, b = runs("lora", 2, k=3), runs("api", 1, k=3)
    bare = [replace(run, probabilities=np.eye(3)[run.probabilities.argmax(axis=1)]) for run in b]
    assert compare_seeds(a, bare, None, resamples=100) == compare_seeds(a, b, None, resamples=100)


def test_the_same_seed_gives_the_same_record_and_another_seed_another_interval() -> None:
    a, b = runs("lora", 3), runs("full", 3)
    assert compare_seeds(a, b, 1) == compare_seeds(a, b, 1, seed=0)
    assert compare_seeds(a, b, 1).delta_f1 != compare_seeds(a, b, 1, seed=1).delta_f1


def test_an_interval_stays_a_difference_of_shares() -> None:
    labels = np.arange(100) % 2
    wild = [from_predicted(labels, predicted, arm="wild", seed=s) for s, predicted in enumerate((labels, 1 - labels))]
    found = compare_seeds(wild, [from_predicted(labels, labels * 0, arm="majority")], 1)
    assert (found.delta_accuracy.low, found.delta_accuracy.high) == (-1, 1)


@pytest.mark.parametrize(("seeds", "stretch"), [(2, 12.706 / math.sqrt(2)), (5, 2.776 / math.sqrt(5))])
def test_the_draws_of_seeds_are_as_wide_as_students_t(seeds: int, stretch: float) -> None:
    """With values known without error, 1.96 standard deviations are t x S / sqrt(s)."""
    values = np.random.default_rng(0).normal(size=seeds)
    draws = _Draws(values, np.tile(values, (40_000, 1))).seed_draws(np.random.default_rng(1))
    assert 1.96 * draws.std() == pytest.approx(stretch * values.std(ddof=1), rel=0.02)


def test_what_rows_put_between_seeds_is_not_counted_twice() -> None:
    """Runs of one skill differ on their rows alone; the seeds' own part is then mostly nothing."""
    generator = np.random.default_rng(3)
    left = []
    for _ in range(200):
        noise = generator.normal(size=5)
        drawn = noise + generator.normal(size=(400, 5))
        left.append(_Draws(noise, drawn)._share_of_seeds())
    assert np.median(left) < 0.25
    assert _Draws(10 * noise, 10 * noise + generator.normal(size=(400, 5)))._share_of_seeds() > 0.9
    alike = _Draws(np.full(3, 0.5), np.full((10, 3), 0.5))
    assert alike._share_of_seeds() == 0
    assert not alike.seed_draws(generator).any()


@pytest.mark.full
@pytest.mark.parametrize(
    ("seeds_a", "seeds_b", "spread"), [(5, 1, 0.0), (5, 1, 0.05), (5, 1, 0.2), (5, 5, 0.05), (3, 1, 0.1), (2, 1, 0.05)]
)
def test_the_interval_covers_the_truth_about_95_times_of_100(seeds_a: int, seeds_b: int, spread: float) -> None:
    """200 pairs of arms on 400 rows each, some of them hard for all runs; a training's skill varies by `spread`."""
    generator = np.random.default_rng(6)
    covered = 0
    truth = norm.cdf(1 / math.hypot(1, spread)) - norm.cdf(0.85 / math.hypot(1, spread if seeds_b > 1 else 0))
    for _ in range(200):
        labels = generator.integers(0, 2, size=400)
        hard = math.sqrt(0.7) * generator.normal(size=400)
        arms = []
        for name, skill, seeds in (("a", 1.0, seeds_a), ("b", 0.85, seeds_b)):
            of_seed = skill + (spread * generator.normal(size=(seeds, 1)) if seeds > 1 else 0)
            right = of_seed + hard + math.sqrt(0.3) * generator.normal(size=(seeds, 400)) > 0
            arms.append([make_run(labels, line, name, seed) for seed, line in enumerate(right)])
        delta = compare_seeds(*arms, 1, resamples=400).delta_accuracy
        covered += delta.low <= truth <= delta.high
    assert covered / 200 == pytest.approx(0.955, abs=0.03)


def make_run(labels: np.ndarray, right: np.ndarray, arm: str, seed: int) -> Predictions:
    return from_predicted(labels, np.where(right, labels, 1 - labels), arm=arm, seed=seed)


@pytest.mark.full
def test_25_000_rows_of_ten_runs_are_drawn_in_groups() -> None:
    a, b = (runs(name, 5, rows=25_000) for name in ("lora", "full"))
    # Two calls a row and run where they are joined, and not one for each row of each of the 2,000 resamples.
    assert calls(lambda: compare_seeds(a, b, 1)) < 1_500_000


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"seed": 0}, "compare_seeds: each seed once is expected, got 0, 0"),
        ({"arm": "full"}, "compare_seeds: one arm is expected, got lora and full"),
        ({"row_ids": ("x", "y", "z")}, "compare_seeds: the same rows and labels"),
        ({"labels": np.array([0, 1, 2])}, "true labels from 0 to 1 are expected"),
    ],
)
def test_what_is_not_one_arm_is_refused(change: dict, fault: str) -> None:
    run = make([0, 1, 1], [0.2, 0.7, 0.4])
    for arms in (
        ([run, replace(run, **{"seed": 1, **change})], [run]),
        ([run], [run, replace(run, **{"seed": 1, **change})]),
    ):
        with pytest.raises(ValueError, match=fault):
            compare_seeds(*arms, 1)


def test_what_cannot_be_joined_or_drawn_is_refused() -> None:
    run = make([0, 1], [0.2, 0.7])
    with pytest.raises(ValueError, match="at least one seed"):
        compare_seeds([], [run], 1)
    with pytest.raises(ValueError, match="share no row"):
        compare_seeds([run], [replace(run, row_ids=("x", "y"))], 1)
    with pytest.raises(ValueError, match="resamples"):
        compare_seeds([run], [run], 1, resamples=0)
