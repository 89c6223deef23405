"""Several tests at once: Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return the p-values after Holm's correction (Holm 1979, Scand J Statist 6:65), in the same order.

    If none of the m differences is real, the chance that any corrected value is below 0.05 is at most 5 %, however the
    tests hang together: the smallest value counts m times, the next m - 1 times, and so on, none less than the one
    before. NaN stays NaN and does not count among the m. Raises ValueError for a value outside 0..1.
    """
    values = np.array(p_values, dtype=np.float64)
    defined = ~np.isnan(values)
    known = values[defined]
    if ((known < 0) | (known > 1)).any():
        raise ValueError(f"p-values from 0 to 1 are expected, got {', '.join(map(str, p_values))}.")
    # As statsmodels' multipletests, which collects the whole process's garbage at each call: tenths of a second.
    order = np.argsort(known)
    corrected = np.maximum.accumulate(known[order] * np.arange(known.size, 0, -1))
    known[order] = np.minimum(corrected, 1.0)
    values[defined] = known
    return tuple(values.tolist())
