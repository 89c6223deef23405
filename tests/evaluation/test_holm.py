from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from lightune.evaluation import holm


def test_by_hand() -> None:
    # Sorted: 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1, the last raised to the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.6, 0.9]) == pytest.approx((1.0, 1.0))
    assert holm([0.2]) == pytest.approx((0.2,))
    assert holm([]) == ()


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.full
def test_as_statsmodels(tied: bool) -> None:
    p_values = np.random.default_rng(0).uniform(size=15) ** 3
    if tied:
        p_values = p_values.round(1)
    assert holm(p_values.tolist()) == pytest.approx(multipletests(p_values, method="holm")[1].tolist())


def test_what_was_not_computed_stays_so_and_does_not_count() -> None:
    assert holm([math.nan, 0.02, math.nan, 0.04]) == pytest.approx((math.nan, 0.04, math.nan, 0.04), nan_ok=True)
    assert all(map(math.isnan, holm([math.nan, math.nan])))


@pytest.mark.parametrize("wrong", [-0.1, 1.2])
def test_what_is_no_p_value_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match=f"from 0 to 1 are expected, got 0.5, {wrong}"):
        holm([0.5, wrong])
