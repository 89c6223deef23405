"""The corrected resampled t-test: means over cross-validation's folds, whose trainings share most of their rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import t
from statsmodels.stats.power import TTestPower

from lightune.evaluation.counts import Floats
from lightune.evaluation.intervals import LEVEL
from lightune.records import Metric

POWER = 0.8
# Below this the folds' values are the same but for rounding.
SAME = 1e-12


@dataclass(frozen=True)
class ResampledMean:
    """A mean over folds. error: its standard error, freedom: the degrees of freedom of Student's t that go with it.

    error is 0 where the folds do not tell: there is one alone, or their values are all the same.
    """

    value: float
    error: float
    freedom: int

    @classmethod
    def of(cls, value: float, by_fold: Floats, test_share: float) -> ResampledMean:
        """Return the mean `value` of J folds' values, by_fold [J], with the corrected standard error.

        Its square is (1/J + test_share) S^2, S^2 being the variance between folds with J - 1 degrees of freedom and
        test_share the test rows of a fold over its training rows (Nadeau & Bengio 2003, Machine Learning 52:239).
        S^2 / J alone would take the folds for independent, and with ten repeats err in half of all tests (Bouckaert &
        Frank 2004). No unbiased estimate exists (Bengio & Grandvalet 2004); this one errs on the careful side, most so
        without repeats.

        Raises ValueError unless J >= 1 and test_share > 0.
        """
        folds = len(by_fold)
        if folds < 1 or not test_share > 0:
            raise ValueError(f"At least 1 fold and a share above 0 are expected, got {folds} and {test_share}.")
        variance = float(np.var(by_fold, ddof=1)) if np.ptp(by_fold) > SAME else 0.0
        return cls(value, math.sqrt(variance * (1 / folds + test_share)), folds - 1)

    def interval(self, least: float, most: float) -> Metric:
        """Return the value with its 95 % interval, cut at the least and most that it can be.

        Without a standard error the interval has no width.
        """
        if self.error == 0:
            return Metric(self.value, self.value, self.value)
        half = float(t.ppf((1 + LEVEL) / 2, self.freedom)) * self.error
        low, high = max(self.value - half, least), min(self.value + half, most)
        return Metric(self.value, min(low, self.value), max(high, self.value))

    def p_value(self) -> float:
        """Return the two-sided p-value of a true mean of 0. NaN without a standard error."""
        return math.nan if self.error == 0 else float(2 * t.sf(abs(self.value) / self.error, self.freedom))

    def detectable(self) -> float:
        """Return the true mean that would be told from 0 at 80 % power with this standard error. NaN without one."""
        if self.error == 0:
            return math.nan
        folds = self.freedom + 1
        effect = TTestPower().solve_power(nobs=folds, alpha=1 - LEVEL, power=POWER, alternative="two-sided")
        return float(effect) * math.sqrt(folds) * self.error
