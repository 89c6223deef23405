"""AUROC and average precision under row weights, from one sort.

The scores never change between resamples, only how often each row is drawn. So the rows are sorted once, and a
resample costs one cumulative sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightune.evaluation.counts import Floats

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Ranking:
    """Rows sorted from the highest score to the lowest, one label (p rows) against the rest.

    order: [n] row at each place. places: [p] places of the label's rows. tied_from, tied_to: [p] the places that share
    such a row's score, from (included) to (excluded). label_from, label_to: [p] how many of the label's rows lie before
    these.
    """

    order: Indices
    places: Indices
    tied_from: Indices
    tied_to: Indices
    label_from: Indices
    label_to: Indices

    @classmethod
    def of(cls, scores: Floats, is_label: NDArray[np.bool_]) -> Ranking:
        """Sort n scores. Scores tie only when they are equal to the last bit, as in scikit-learn."""
        order = np.argsort(-scores, kind="stable").astype(np.int64)
        ordered = scores[order]
        starts = np.concatenate([[0], np.flatnonzero(np.diff(ordered)) + 1, [len(scores)]])
        group = np.searchsorted(starts, np.arange(len(scores)), side="right") - 1
        hits = is_label[order]
        before = np.concatenate([[0], np.cumsum(hits)])
        places = np.flatnonzero(hits)
        tied_from, tied_to = starts[group[places]], starts[group[places] + 1]
        return cls(order, places, tied_from, tied_to, before[tied_from], before[tied_to])


def areas(ranking: Ranking, weights: Floats) -> tuple[Floats, Floats]:
    """Return AUROC and average precision, each [b], under weights [b, n]: how often each row was drawn.

    AUROC: the chance that a row of the label scores above another one, a tie counting half (Hanley & McNeil 1982).
    Average precision: the mean over the label's rows of the precision among all rows scoring as high, without
    interpolation, as in scikit-learn. NaN where either kind of row was not drawn.
    """
    ordered = weights[:, ranking.order]
    drawn = _running_total(ordered)
    own = ordered[:, ranking.places]
    hits = _running_total(own)
    all_hits, all_rows = hits[:, -1], drawn[:, -1]

    hits_to, drawn_to = hits[:, ranking.label_to], drawn[:, ranking.tied_to]
    others_before = drawn[:, ranking.tied_from] - hits[:, ranking.label_from]
    above = (own * (others_before + drawn_to - hits_to)).sum(axis=1) / 2
    # A place where nothing was drawn so far has no precision, and its row no weight.
    precision = (own * (hits_to / np.maximum(drawn_to, 1))).sum(axis=1)

    pairs = all_hits * (all_rows - all_hits)
    defined = pairs > 0
    auroc = 1 - np.divide(above, pairs, out=np.full_like(pairs, np.nan), where=defined)
    average = np.divide(precision, all_hits, out=np.full_like(pairs, np.nan), where=defined)
    return auroc, average


def macro_areas(rankings: tuple[Ranking, ...], weights: Floats) -> tuple[Floats, Floats]:
    """Return the means of `areas` over the rankings, leaving out those that are undefined in a weighting."""
    each = np.array([areas(ranking, weights) for ranking in rankings])
    defined = np.isfinite(each)
    count = defined.sum(axis=0)
    total = np.where(defined, each, 0).sum(axis=0)
    mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return mean[0], mean[1]


def _running_total(values: Floats) -> Floats:
    total = np.zeros((values.shape[0], values.shape[1] + 1))
    np.cumsum(values, axis=1, out=total[:, 1:])
    return total
