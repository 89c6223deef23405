"""From values to named groups of rows: by quartile, or by value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST_GROUPS = 12
EMPTY, OTHER = "(empty)", "(other)"

Masks = dict[str, NDArray[np.bool_]]
Numbers = NDArray[np.int64] | NDArray[np.float64]


def quartiles(values: Numbers, unit: str = "") -> Masks:
    """Return name -> mask [n] of up to four groups by size, cut at the quartiles of `values` [n], lowest first.

    Equal values stay together, so that with many ties there are fewer groups, and one where all are alike. Groups are
    named by the lowest and highest value in them: "up to 120 words", "121 to 180 words", "over 180 words".
    """
    edges = np.unique(np.quantile(values, [0.25, 0.5, 0.75], method="inverted_cdf"))
    below = values[values < edges[0]]
    if edges[0] == values.max() and below.size:
        # Three quarters or more have the highest value: the others are cut off.
        edges = np.array([below.max()])
    group = np.searchsorted(edges, values, side="left")
    present = [group == each for each in np.unique(group)]
    return {_range_name(values, present, at, unit): mask for at, mask in enumerate(present)}


def _range_name(values: Numbers, masks: Sequence[NDArray[np.bool_]], at: int, unit: str) -> str:
    low, high = values[masks[at]].min(), values[masks[at]].max()
    if at == 0:
        return f"up to {_amount(high, unit)}"
    if at == len(masks) - 1:
        return f"over {_amount(values[masks[at - 1]].max(), unit)}"
    return _amount(high, unit) if low == high else f"{_number(low)} to {_amount(high, unit)}"


def _amount(value: float, unit: str) -> str:
    plural = "" if not unit or value == 1 else "s"
    return f"{_number(value)} {unit}{plural}".rstrip()


def _number(value: float) -> str:
    return f"{value:.15g}"


def by_value(values: Sequence[str]) -> Masks:
    """Return name -> mask [n] of at most 12 groups of equal values, the commonest first, numbers in their order.

    More than 12 distinct values are cut into quartiles where all are numbers; else the 10 commonest stand and the
    rest is `(other)`. Empty values are the last group, `(empty)`, and take no part in either.
    """
    column = np.array(values, dtype=object)
    empty = column == ""
    filled = [value for value in values if value]
    numbers = _numbers(filled)
    distinct = Counter(filled)
    if len(distinct) <= MOST_GROUPS - 1:
        masks = {value: column == value for value in _ordered(distinct)}
    elif numbers is not None:
        masks = {name: _spread(mask, ~empty) for name, mask in quartiles(numbers).items()}
    else:
        masks = {value: column == value for value in _ordered(distinct)[: MOST_GROUPS - 2]}
        masks[OTHER] = ~empty & ~np.logical_or.reduce(list(masks.values()))
    if empty.any():
        masks[EMPTY] = empty
    return masks


def _numbers(values: Sequence[str]) -> NDArray[np.float64] | None:
    """Return the values as numbers, None unless all are finite ones."""
    try:
        numbers = np.array([float(value) for value in values])
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() else None


def _ordered(distinct: Counter[str]) -> list[str]:
    if _numbers(list(distinct)) is not None:
        return sorted(distinct, key=float)
    return sorted(distinct, key=lambda value: (-distinct[value], value))


def _spread(mask: NDArray[np.bool_], onto: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask [n] that is `mask` on the rows of `onto`, in their order, and false elsewhere."""
    spread = np.zeros(len(onto), dtype=bool)
    spread[onto] = mask
    return spread
