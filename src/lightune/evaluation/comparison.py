"""Two arms on the rows they share: how far apart, by chance or not, and on which rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lightune.evaluation.bootstrap import cell_resamples, check_resamples
from lightune.evaluation.counts import Floats, Tally, count_metrics
from lightune.evaluation.holm import holm
from lightune.evaluation.intervals import negative, percentile_interval
from lightune.evaluation.mcnemar import mcnemar, mcnemar_mid_p
from lightune.evaluation.positive import checked_positive
from lightune.evaluation.power import detectable_difference
from lightune.evaluation.predicted import check_predictions, predicted_labels
from lightune.records import Comparison, Metric, Predictions, TellingRow

LEVEL = 0.05


def compare(
    a: Predictions,
    b: Predictions,
    positive: int | None,
    resamples: int = 10_000,
    seed: int = 0,
    telling: int = 10,
) -> Comparison:
    """Compare two runs on the rows that both predict, joined by row id, in a's order. Deltas are a minus b.

    positive: as in `point_metrics`. resamples: how many the bootstrap draws. seed: the bootstrap's own; the record's
    seed is a's. telling: how many rows are shown each way.

    delta_accuracy and delta_f1 have 95 % percentile intervals of the paired bootstrap (Efron & Tibshirani 1993): rows
    are drawn with both answers on them. p_value: `mcnemar`, p_mid: `mcnemar_mid_p`. All of these speak of other test
    rows, not of other trainings. p_holm is left to `with_holm`. With no row on which the two differ the intervals have
    no width, however few the rows are. detectable: `detectable_difference` at 80 % power.

    won: of the rows that only `a` has right those where a's probability of the true label is furthest above b's; lost:
    the same for `b`; equals in a's row order.

    Raises ValueError where predictions are unsound (`check_predictions`), of different splits or label names, share no
    row, or disagree on a row's true label.
    """
    check_resamples(resamples)
    if telling < 0:
        raise ValueError(f"telling: 0 or more rows are expected, got {telling}.")
    a, b = join(a, b)
    positive = checked_positive(positive, len(a.label_names))
    pair = _Pair(a, b, predicted_labels(a.probabilities), predicted_labels(b.probabilities))
    right_a, right_b = pair.predicted_a == a.labels, pair.predicted_b == a.labels
    wins, losses = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    delta_accuracy, delta_f1 = _deltas(pair, positive, resamples, np.random.default_rng(seed))
    return Comparison(
        a=a.arm,
        b=b.arm,
        seed=a.seed,
        rows=len(a.labels),
        delta_accuracy=delta_accuracy,
        delta_f1=delta_f1,
        p_value=mcnemar(wins, losses),
        p_mid=mcnemar_mid_p(wins, losses),
        detectable=detectable_difference(len(a.labels), (wins + losses) / len(a.labels)),
        wins=wins,
        losses=losses,
        both_right=int((right_a & right_b).sum()),
        both_wrong=int((~right_a & ~right_b).sum()),
        won=_telling(pair, right_a & ~right_b, 1, telling),
        lost=_telling(pair, right_b & ~right_a, -1, telling),
    )


def decided(comparison: Comparison) -> int:
    """Return 1 where `a` is better, -1 where `b` is, 0 where these rows cannot tell.

    The interval of the accuracy difference leaves 0 out and p, after Holm's correction where there is one, is below
    0.05: on a handful of rows a bootstrap interval can shrink to a point, and the test is what notices.
    """
    p = comparison.p_value if math.isnan(comparison.p_holm) else comparison.p_holm
    if not p < LEVEL:
        return 0
    return 1 if comparison.delta_accuracy.low > 0 else -1 if comparison.delta_accuracy.high < 0 else 0


def with_holm(comparisons: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """Return the comparisons, in their order, with p_holm: p_value after `holm` over all of the same seed.

    Another seed repeats the same questions, so it is not one more of them.
    """
    corrected = list(comparisons)
    for seed in {comparison.seed for comparison in comparisons}:
        family = [at for at, comparison in enumerate(comparisons) if comparison.seed == seed]
        for at, p_holm in zip(family, holm([comparisons[at].p_value for at in family]), strict=True):
            corrected[at] = replace(comparisons[at], p_holm=p_holm)
    return tuple(corrected)


def flipped(comparison: Comparison) -> Comparison:
    """Return the same comparison seen from `b`."""
    return replace(
        comparison,
        a=comparison.b,
        b=comparison.a,
        delta_accuracy=negative(comparison.delta_accuracy),
        delta_f1=negative(comparison.delta_f1),
        wins=comparison.losses,
        losses=comparison.wins,
        won=tuple(_other_way_round(row) for row in comparison.lost),
        lost=tuple(_other_way_round(row) for row in comparison.won),
    )


def _other_way_round(row: TellingRow) -> TellingRow:
    return replace(
        row,
        predicted_a=row.predicted_b,
        predicted_b=row.predicted_a,
        probability_a=row.probability_b,
        probability_b=row.probability_a,
    )


def join(a: Predictions, b: Predictions) -> tuple[Predictions, Predictions]:
    """Return both with only the rows whose id both have, in a's order.

    Raises ValueError as `compare` does.
    """
    check_predictions(a)
    check_predictions(b)
    for name in ("split", "label_names"):
        mine, theirs = getattr(a, name), getattr(b, name)
        if mine != theirs:
            raise ValueError(f"compare: {a.arm} and {b.arm} should have the same {name}, got {mine} and {theirs}.")
    place_in_b = {row_id: place for place, row_id in enumerate(b.row_ids)}
    at_a = [place for place, row_id in enumerate(a.row_ids) if row_id in place_in_b]
    if not at_a:
        raise ValueError(f"compare: {a.arm} and {b.arm} share no row of {a.split}.")
    at_b = [place_in_b[a.row_ids[place]] for place in at_a]
    a, b = _take(a, at_a), _take(b, at_b)
    differ = np.flatnonzero(a.labels != b.labels)
    if differ.size:
        row = int(differ[0])
        raise ValueError(
            f"compare: {a.arm} and {b.arm} should have the same true labels, row {a.row_ids[row]} is "
            f"{a.label_names[a.labels[row]]} and {b.label_names[b.labels[row]]}."
        )
    return a, b


def _take(predictions: Predictions, at: list[int]) -> Predictions:
    return replace(
        predictions,
        row_ids=tuple(predictions.row_ids[place] for place in at),
        labels=predictions.labels[at],
        probabilities=predictions.probabilities[at],
    )


@dataclass(frozen=True)
class _Pair:
    """Joined predictions and the labels they come to."""

    a: Predictions
    b: Predictions
    predicted_a: NDArray[np.int64]
    predicted_b: NDArray[np.int64]


def _deltas(pair: _Pair, positive: int | None, resamples: int, generator: np.random.Generator) -> tuple[Metric, Metric]:
    """Return delta_accuracy and delta_f1. Rows alike in (true, predicted by a, by b) are resampled as one cell."""
    k = len(pair.a.label_names)
    rows = np.stack([pair.a.labels, pair.predicted_a, pair.predicted_b], axis=1)
    codes, counts = np.unique(rows @ np.array([k * k, k, 1]), return_counts=True)
    true, by_a, by_b = codes // (k * k), codes // k % k, codes % k
    tally_a, tally_b = Tally.of(true, by_a, k), Tally.of(true, by_b, k)

    def delta(weights: Floats) -> Floats:
        of_a = count_metrics(tally_a.counts(weights), positive)
        of_b = count_metrics(tally_b.counts(weights), positive)
        return np.stack([of_a[name] - of_b[name] for name in ("accuracy", "f1")])

    value = delta(counts[None, :].astype(np.float64))[:, 0]
    resampled = np.concatenate([delta(w) for w in cell_resamples(generator, counts, resamples)], axis=1)
    accuracy, f1 = (percentile_interval(float(value[at]), resampled[at]) for at in (0, 1))
    return accuracy, f1


def _telling(pair: _Pair, chosen: NDArray[np.bool_], sign: int, most: int) -> tuple[TellingRow, ...]:
    """Return the chosen rows by how far sign x (a's minus b's probability of the true label) is up."""
    a, b = pair.a, pair.b
    rows = np.flatnonzero(chosen)
    of_a, of_b = (each.probabilities[rows, a.labels[rows]] for each in (a, b))
    first = np.argsort(-sign * (of_a - of_b), kind="stable")[:most]
    return tuple(
        TellingRow(
            row_id=a.row_ids[row],
            label=a.label_names[a.labels[row]],
            predicted_a=a.label_names[pair.predicted_a[row]],
            predicted_b=b.label_names[pair.predicted_b[row]],
            probability_a=float(a.probabilities[row, a.labels[row]]),
            probability_b=float(b.probabilities[row, a.labels[row]]),
        )
        for row in rows[first]
    )
