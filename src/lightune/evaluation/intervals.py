"""95 % intervals: Wilson's for a proportion, percentiles of resamples for everything else."""

from __future__ import annotations

import math

import numpy as np
from statsmodels.stats.proportion import proportion_confint

from lightune.evaluation.counts import Floats
from lightune.records import Metric

LEVEL = 0.95


def wilson(successes: int, n: int, level: float = LEVEL) -> Metric:
    """Return successes / n with Wilson's score interval (Wilson 1927, JASA 22:209), by statsmodels.

    Unlike p +/- 1.96 standard errors it never leaves 0..1 and is not empty at 0 or n successes. Raises ValueError
    unless 0 <= successes <= n, n >= 1 and 0 < level < 1.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"0 to n successes of n >= 1 rows are expected, got {successes} of {n}.")
    if not 0 < level < 1:
        raise ValueError(f"level: a value between 0 and 1 is expected, got {level}.")
    low, high = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    value = successes / n
    # At 0 and n successes rounding may put a limit beyond the value by 1e-17.
    return Metric(value, min(max(float(low), 0.0), value), max(min(float(high), 1.0), value))


def negative(metric: Metric) -> Metric:
    """Return the difference seen from the other side."""
    return Metric(-metric.value, -metric.high, -metric.low)


def percentile_interval(value: float, resampled: Floats, level: float = LEVEL) -> Metric:
    """Return `value` with the percentile bootstrap interval (Efron & Tibshirani 1993, chapter 13).

    resampled: [b], the statistic in each resample; those where it is undefined (NaN) are left out. NaN throughout if
    the value is undefined or no resample defines it. The interval is widened to hold the value where the resamples'
    bias would leave it out, as it can for macro means over labels of a few rows.
    """
    defined = resampled[np.isfinite(resampled)]
    if math.isnan(value) or not defined.size:
        return Metric(value, value, value)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Metric(value, min(float(low), value), max(float(high), value))
