from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import norm

from lightune.evaluation import detectable_difference, mcnemar, mcnemar_mid_p


@pytest.mark.parametrize(("rows", "discordant"), [(100, 0.2), (1000, 0.05), (1000, 0.3), (25_000, 0.02)])
@pytest.mark.parametrize(("level", "power"), [(0.05, 0.8), (0.01, 0.9)])
def test_it_solves_connors_equation(rows: int, discordant: float, level: float, power: float) -> None:
    d = detectable_difference(rows, discordant, level, power)
    z_level, z_power = norm.isf(level / 2), norm.isf(1 - power)
    needed = (z_level * math.sqrt(discordant) + z_power * math.sqrt(discordant - d**2)) ** 2 / d**2
    assert needed == pytest.approx(rows, rel=1e-9)
    assert 0 < d <= discordant


def test_by_hand() -> None:
    # 1,000 rows, 100 of them discordant: (1.960 sqrt(0.1) + 0.842 sqrt(0.1 - 0.0280^2))^2 / 0.0280^2 = 1000.
    assert detectable_difference(1000, 0.1) == pytest.approx(0.0280, abs=5e-5)


@pytest.mark.full
@pytest.mark.parametrize(("rows", "discordant"), [(200, 0.2), (1000, 0.1), (1000, 0.0)])
def test_at_that_difference_mcnemar_finds_it_about_80_times_of_100(rows: int, discordant: float) -> None:
    d = detectable_difference(rows, discordant)
    share = max(d, discordant)
    assert power_at(mcnemar_mid_p, rows, share, d) == pytest.approx(0.845, abs=0.065)
    assert power_at(mcnemar, rows, share, d) == pytest.approx(0.78, abs=0.03)
    assert power_at(mcnemar, rows, share, d / 2) < 0.4


def power_at(test: Callable[[int, int], float], rows: int, discordant: float, d: float) -> float:
    """How often the test finds d over 2,000 simulated test sets."""
    generator = np.random.default_rng(4)
    differ = generator.binomial(rows, discordant, size=2000)
    wins = generator.binomial(differ, (1 + d / discordant) / 2)
    pairs, times = np.unique([wins, differ - wins], axis=1, return_counts=True)
    return float(times[[test(*pair) <= 0.05 for pair in pairs.T.tolist()]].sum() / 2000)


def test_more_rows_find_less_and_arms_that_differ_more_hide_more() -> None:
    by_rows = [detectable_difference(rows, 0.1) for rows in (50, 100, 1000, 10_000)]
    by_share = [detectable_difference(1000, share) for share in (0, 0.01, 0.1, 0.5, 1)]
    assert by_rows == sorted(by_rows, reverse=True)
    assert by_share == sorted(by_share)


def test_too_few_rows_that_differ_leave_the_difference_that_would_be_found() -> None:
    """Even all of 2 rows of 100 on one side prove nothing: about 8 would, so 8 points is the answer."""
    d = detectable_difference(100, 0.02)
    assert d == detectable_difference(100, 0.0) == pytest.approx(0.077, abs=5e-4)
    z_level, z_power = norm.isf(0.025), norm.isf(0.2)
    assert (z_level * math.sqrt(d) + z_power * math.sqrt(d - d**2)) ** 2 / d**2 == pytest.approx(100)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_where_nothing_would_be_found_it_is_all_there_is(rows: int) -> None:
    assert mcnemar(rows, 0) > 0.05
    assert detectable_difference(rows, 1.0) == 1.0


def test_it_never_leaves_the_range_of_a_difference() -> None:
    for rows in range(1, 60):
        for discordant in (0.0, 0.1, 0.5, 1.0):
            assert 0 < detectable_difference(rows, discordant) <= 1
            assert 0 < detectable_difference(rows, discordant, 0.6, 0.7) <= 1


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ((0, 0.1), "got 0 and 0.1"),
        ((10, 1.1), "got 10 and 1.1"),
        ((10, math.nan), "got 10 and nan"),
        ((10, 0.1, 0.8, 0.2), "level of 0.8 and a power of 0.2"),
    ],
)
def test_what_makes_no_sense_is_refused(given: tuple, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        detectable_difference(*given)
