"""An arm on one split: every metric with its interval, from one or several seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lightune.evaluation.bootstrap import check_resamples, row_resamples
from lightune.evaluation.counts import Floats, confusion_matrix
from lightune.evaluation.intervals import percentile_interval, wilson
from lightune.evaluation.metrics import METRICS, RANKED, Measures
from lightune.evaluation.positive import checked_positive
from lightune.evaluation.predicted import check_one_arm, predicted_labels
from lightune.records import Predictions, Scores

# What the ranked metrics may cost: row weights visited over all resamples, about ten seconds of one core.
RANKED_WORK = 1_000_000_000
LEAST_RANKED_RESAMPLES = 200


def score(predictions: Sequence[Predictions], positive: int | None, resamples: int = 1000, seed: int = 0) -> Scores:
    """Return every metric of `point_metrics` with its 95 % interval.

    predictions: one arm's on one split, one a seed, with the same rows in the same order. positive: as in
    `point_metrics`. resamples: how many the bootstrap draws. seed: the bootstrap's own, nothing to do with the arm's.

    One seed: Wilson's interval for accuracy, for the rest the percentile bootstrap over rows (Efron & Tibshirani 1993).
    It speaks of other test rows, not of other trainings. Several seeds: a value is the mean over seeds, and each
    resample draws seeds and, for all of them alike, rows with replacement, so that the interval, accuracy's too, holds
    both kinds of chance. Of s seeds it sees only (s - 1)/s of the variance between them, which is too little for two or
    three.

    In a resample a macro mean runs over the labels that were drawn, and a resample without a defined value is left out.
    With few rows a label the interval of pr_auc leans upwards, since a row drawn twice ranks beside itself.
    auroc and pr_auc take fewer resamples, never under 200 unless you ask for less, where rows x labels x seeds are so
    many that 1000 would take over about ten seconds (25,000 rows of 77 labels). Time: 25,000 rows of two labels take a
    few seconds.

    Raises ValueError where the predictions are none, unsound (`check_predictions`), of several arms, splits or train
    sizes, of the same seed twice, or of other rows, labels or label names.
    """
    check_resamples(resamples)
    check_one_arm(predictions, "score")
    first = predictions[0]
    rows, k = first.probabilities.shape
    positive = checked_positive(positive, k)
    runs = [Measures.of(each.labels, each.probabilities, positive) for each in predictions]
    by_seed = [run.values() for run in runs]
    values = {name: float(np.mean([each[name] for each in by_seed])) for name in METRICS}
    resampled = _resample(runs, rows, resamples, np.random.default_rng(seed))
    metrics = {name: percentile_interval(values[name], resampled[name]) for name in METRICS}
    predicted = predicted_labels(first.probabilities)
    if len(runs) == 1:
        metrics["accuracy"] = wilson(int((predicted == first.labels).sum()), rows)
    confusion = confusion_matrix(first.labels, predicted, k)
    return Scores(rows, metrics, tuple(tuple(line) for line in confusion.tolist()))


def _resample(runs: Sequence[Measures], rows: int, resamples: int, generator: np.random.Generator) -> dict[str, Floats]:
    """Return each metric's mean over drawn seeds in each resample; the ranked ones' in the first of them."""
    seeds = len(runs)
    shares = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds
    ranked = _ranked_resamples(runs, rows, resamples)
    collected: dict[str, list[Floats]] = {name: [] for name in METRICS}
    for start, weights in _numbered(row_resamples(generator, rows, resamples)):
        share = shares[start : start + len(weights)]
        by_seed = [run.plain(weights) for run in runs]
        for name in by_seed[0]:
            collected[name].append(_mean(share, [each[name] for each in by_seed]))
        kept = weights[: max(0, ranked - start)]
        if len(kept):
            by_seed = [run.ranked(kept) for run in runs]
            for name in RANKED:
                collected[name].append(_mean(share[: len(kept)], [each[name] for each in by_seed]))
    return {name: np.concatenate(parts) for name, parts in collected.items()}


def _mean(shares: Floats, by_seed: Sequence[Floats]) -> Floats:
    """Average [seeds][b] values by shares [b, seeds]."""
    mean: Floats = (shares * np.stack(by_seed, axis=1)).sum(axis=1)
    return mean


def _ranked_resamples(runs: Sequence[Measures], rows: int, resamples: int) -> int:
    each = rows * sum(len(run.rankings) for run in runs)
    affordable = RANKED_WORK // max(each, 1)
    return min(resamples, max(affordable, LEAST_RANKED_RESAMPLES))


def _numbered(chunks: Iterator[Floats]) -> Iterator[tuple[int, Floats]]:
    start = 0
    for chunk in chunks:
        yield start, chunk
        start += len(chunk)
