from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom
from statsmodels.stats.contingency_tables import mcnemar as peer_mcnemar
from statsmodels.stats.proportion import proportion_confint

from lightune.evaluation import mcnemar, wilson
from lightune.evaluation.intervals import percentile_interval
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
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)


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


def test_mcnemar_refuses_negative_counts() -> None:
    with pytest.raises(ValueError, match="got -1 and 3"):
        mcnemar(-1, 3)
