from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom
from statsmodels.stats.contingency_tables import mcnemar as peer_mcnemar
from statsmodels.stats.proportion import proportion_confint

from lightune.evaluation import mcnemar, mcnemar_mid_p, wilson
from lightune.evaluation.bootstrap import cell_resamples
from lightune.evaluation.counts import Tally, count_metrics
from lightune.evaluation.intervals import negative, percentile_interval
from lightune.records import Metric


@pytest.mark.parametrize(
    ("successes", "n"), [(0, 1), (1, 1), (0, 50), (50, 50), (81, 263), (870, 1000), (23000, 25000)]
)
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilson_is_statsmodels(successes: int, n: int, level: float) -> None:
    metric = wilson(successes, n, level)
    low, high = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    assert metric.value == successes / n
    assert (metric.low, metric.high) == pytest.approx((low, high), abs=1e-12)
    assert 0 <= metric.low <= metric.value <= metric.high <= 1


def test_wilson_by_hand() -> None:
    # Newcombe 1998, Stat Med 17:857, table I, method 3: 81 of 263 is 0.2553 to 0.3662.
    metric = wilson(81, 263)
    assert (round(metric.low, 4), round(metric.high, 4)) == (0.2553, 0.3662)


@pytest.mark.parametrize("accuracy", [0.5, 0.8, 0.95])
def test_wilson_covers_the_truth_95_times_of_100(accuracy: float) -> None:
    drawn = np.random.default_rng(0).binomial(1000, accuracy, size=2000)
    each = {int(successes): wilson(int(successes), 1000) for successes in np.unique(drawn)}
    covered = [each[int(successes)].low <= accuracy <= each[int(successes)].high for successes in drawn]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("n", [1000, 2000, 5000])
@pytest.mark.full
def test_wilson_covers_the_truth_95_times_of_100_to_the_last_row(n: int) -> None:
    intervals = [wilson(successes, n) for successes in range(n + 1)]
    low, high = (np.array([getattr(each, end) for each in intervals]) for end in ("low", "high"))
    for accuracy in (0.03, 0.1, 0.25, 0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97):
        chances = binom.pmf(np.arange(n + 1), n, accuracy)
        assert chances[(low <= accuracy) & (accuracy <= high)].sum() == pytest.approx(0.95, abs=0.01)


@pytest.mark.full
def test_the_bootstrap_covers_the_truth_95_times_of_100() -> None:
    """2,000 test sets of 1,000 rows, resampled as `compare` does it: cells of (true, predicted).

    How many rows are right is drawn once in each 2,000th part of its distribution, which leaves less to luck.
    """
    shares = np.array([0.45, 0.10, 0.05, 0.40])
    tally = Tally.of(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), 2)
    truth = count_metrics(tally.counts(shares[None, :]), 1)
    generator = np.random.default_rng(5)
    right = binom.ppf((np.arange(2000) + generator.random(2000)) / 2000, 1000, 0.85).astype(int)
    first_right, first_wrong = generator.binomial(right, 0.45 / 0.85), generator.binomial(1000 - right, 0.10 / 0.15)
    tables = np.stack([first_right, first_wrong, 1000 - right - first_wrong, right - first_right], axis=1)
    covered = dict.fromkeys(("accuracy", "f1", "macro_f1", "precision", "recall", "mcc"), 0)
    for counts in tables:
        values = count_metrics(tally.counts(counts[None, :].astype(float)), 1)
        (weights,) = cell_resamples(generator, counts, 1000)
        resampled = count_metrics(tally.counts(weights), 1)
        for name in covered:
            metric = percentile_interval(float(values[name][0]), resampled[name])
            covered[name] += metric.low <= truth[name][0] <= metric.high
    assert {name: count / 2000 for name, count in covered.items()} == pytest.approx(
        dict.fromkeys(covered, 0.95), abs=0.01
    )


@pytest.mark.parametrize(
    ("successes", "n", "level"), [(1, 0, 0.95), (-1, 5, 0.95), (6, 5, 0.95), (1, 5, 1.0), (1, 5, 0)]
)
def test_wilson_refuses_what_is_no_proportion(successes: int, n: int, level: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        wilson(successes, n, level)


def test_percentile_interval_takes_the_percentiles() -> None:
    assert percentile_interval(50, np.arange(101.0)) == Metric(50, pytest.approx(2.5), pytest.approx(97.5))
    assert percentile_interval(50, np.arange(101.0), level=0.8) == Metric(50, pytest.approx(10), pytest.approx(90))


def test_percentile_interval_leaves_undefined_resamples_out() -> None:
    with_gaps = np.concatenate([np.arange(101.0), [np.nan] * 50])
    assert percentile_interval(50, with_gaps) == Metric(50, pytest.approx(2.5), pytest.approx(97.5))


def test_an_undefined_value_has_an_undefined_interval() -> None:
    metric = percentile_interval(math.nan, np.array([1.0, 2.0]))
    assert all(math.isnan(x) for x in (metric.value, metric.low, metric.high))


def test_no_defined_resample_leaves_the_interval_without_width() -> None:
    assert percentile_interval(0.5, np.array([np.nan])) == Metric(0.5, 0.5, 0.5)


def test_percentile_interval_always_holds_the_value() -> None:
    assert percentile_interval(9.0, np.array([1.0, 1.0])) == Metric(9.0, 1.0, 9.0)
    assert percentile_interval(0.0, np.array([1.0, 1.0])) == Metric(0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("wins", "losses"), [(0, 1), (5, 5), (1, 9), (9, 1), (30, 50), (400, 300), (0, 60), (1200, 1100)]
)
def test_mcnemar_is_statsmodels_exact_test(wins: int, losses: int) -> None:
    expected = peer_mcnemar([[7, wins], [losses, 11]], exact=True).pvalue
    assert mcnemar(wins, losses) == pytest.approx(expected, rel=1e-9)
    assert mcnemar(wins, losses) == pytest.approx(mcnemar(losses, wins), rel=1e-12)


def test_mcnemar_by_hand() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(0, 5) == pytest.approx(2 / 2**5)
    assert mcnemar(1, 3) == pytest.approx(2 * (1 + 4) / 2**4)
    assert mcnemar(4, 4) == 1.0


@pytest.mark.parametrize("discordant", [1, 6, 20, 100, 137])
def test_mcnemar_errs_at_most_5_times_of_100(discordant: int) -> None:
    # Exactly: the chance under the null of all outcomes that the test calls significant.
    chances = binom.pmf(np.arange(discordant + 1), discordant, 0.5)
    significant = [mcnemar(wins, discordant - wins) <= 0.05 for wins in range(discordant + 1)]
    assert chances[significant].sum() <= 0.05
    assert any(significant) == (discordant >= 6)


@pytest.mark.parametrize("test", [mcnemar, mcnemar_mid_p])
def test_mcnemar_refuses_negative_counts(test: Callable[[int, int], float]) -> None:
    with pytest.raises(ValueError, match="got -1 and 3"):
        test(-1, 3)


def test_mid_p_as_published() -> None:
    # Fagerland, Lydersen & Laake 2013, tables 2 and 3: 1 against 7 rows, 6 against 16.
    assert (round(mcnemar(1, 7), 3), round(mcnemar_mid_p(1, 7), 3)) == (0.070, 0.039)
    assert (round(mcnemar(6, 16), 3), round(mcnemar_mid_p(6, 16), 3)) == (0.052, 0.035)


def test_mid_p_by_hand() -> None:
    assert mcnemar_mid_p(0, 0) == mcnemar_mid_p(4, 4) == pytest.approx(1.0)
    assert mcnemar_mid_p(0, 5) == mcnemar_mid_p(5, 0) == pytest.approx(1 / 2**5)


@pytest.mark.parametrize(("wins", "losses"), [(1, 9), (30, 50), (70, 71), (400, 300), (1200, 1100)])
def test_mid_p_is_the_exact_p_with_half_of_what_was_seen(wins: int, losses: int) -> None:
    seen = binom.pmf(wins, wins + losses, 0.5)
    assert mcnemar_mid_p(wins, losses) == pytest.approx(mcnemar(wins, losses) - seen, rel=1e-9)
    assert mcnemar_mid_p(wins, losses) == mcnemar_mid_p(losses, wins)


@pytest.mark.full
@pytest.mark.parametrize(("rows", "discordant"), [(2000, 0.08), (1000, 0.2), (5000, 0.1)])
def test_over_2000_draws_the_exact_test_errs_at_most_5_and_mid_p_about_5_times_of_100(
    rows: int, discordant: float
) -> None:
    generator = np.random.default_rng(1)
    differ = generator.binomial(rows, discordant, size=2000)
    assert differ.min() >= 100
    wins = generator.binomial(differ, 0.5)
    pairs, times = np.unique([wins, differ - wins], axis=1, return_counts=True)
    exact, mid = (
        times[[test(*pair) <= 0.05 for pair in pairs.T.tolist()]].sum() / 2000 for test in (mcnemar, mcnemar_mid_p)
    )
    assert exact <= 0.05
    assert mid == pytest.approx(0.05, abs=0.01)


def test_a_difference_from_the_other_side() -> None:
    assert negative(Metric(0.1, -0.2, 0.3)) == Metric(-0.1, -0.3, 0.2)
