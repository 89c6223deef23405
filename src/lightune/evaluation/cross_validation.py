"""Scores and comparisons where every row is a test row once in each repeat of K-fold cross-validation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from lightune.evaluation.comparison import compare
from lightune.evaluation.counts import Floats, confusion_matrix
from lightune.evaluation.intervals import wilson
from lightune.evaluation.metrics import METRICS, RANKED, seed_scores
from lightune.evaluation.predicted import check_predictions, predicted_labels
from lightune.evaluation.resampled import ResampledMean
from lightune.records import Comparison, Predictions, Scores

RANGES = dict.fromkeys(METRICS, (0.0, 1.0)) | {"loss": (0.0, math.inf), "mcc": (-1.0, 1.0)}


def score_folds(
    parts: Sequence[Predictions], folds: int, train_rows: int, positive: int | None, first_seed: int | None = None
) -> Scores:
    """Return every metric of `point_metrics` over repeated K-fold cross-validation, with its 95 % interval.

    parts: one arm's predictions of each fold of each repeat, of the fold's own test rows; `seed` = first_seed + repeat
    x folds + fold. train_rows: how many rows a fold is trained on. positive: as in `point_metrics`. first_seed: the
    lowest one there unless given, which it must be where the first fold may have failed. Folds that failed may be
    missing; what is said is then of the others.

    A value is the mean over repeats, by their rows, of the metric on all folds' rows together, so that F1 counts every
    row alike (Forman & Scholz 2010). auroc and pr_auc are means over folds, since scores of different trainings need
    not be comparable; NaN where a fold lacks a label. Intervals: `ResampledMean`, from the values of the folds. They
    speak of the arm trained on so many rows, on other rows and trainings. Where the folds do not tell, as when all
    is right, accuracy's interval is Wilson's of the first repeat's rows; another metric's then has no width.

    rows: distinct ones. confusion: of the first repeat. Raises ValueError where parts are none or unsound
    (`check_predictions`), of several arms, splits or label names, of the same seed twice, where a row stands twice in a
    repeat or changes its label; or where train_rows is below 1.
    """
    checked = _Parts.of(parts, folds, first_seed)
    by_fold = [seed_scores(part, positive) for part in checked.parts]
    by_repeat = [seed_scores(pooled, positive) for pooled in checked.repeats]
    share = checked.test_share(train_rows)
    metrics = {}
    for name in METRICS:
        of_folds = np.array([values[name] for values in by_fold])
        of_repeats = np.array([values[name] for values in by_repeat])
        value = float(of_folds.mean()) if name in RANKED else checked.mean(of_repeats)
        metrics[name] = ResampledMean.of(value, of_folds, share).interval(*RANGES[name])
    first = checked.repeats[0]
    predicted = predicted_labels(first.probabilities)
    if metrics["accuracy"].low == metrics["accuracy"].high:
        metrics["accuracy"] = wilson(int((predicted == first.labels).sum()), len(first.labels))
    confusion = confusion_matrix(first.labels, predicted, len(first.label_names))
    return Scores(len(checked.label_of), metrics, tuple(tuple(line) for line in confusion.tolist()))


def compare_folds(
    a_parts: Sequence[Predictions],
    b_parts: Sequence[Predictions],
    folds: int,
    train_rows: int,
    positive: int | None,
    first_seed: int | None = None,
) -> Comparison:
    """Compare two arms over the same folds of the same repeats. Deltas are a minus b.

    a_parts, b_parts, folds, train_rows, positive, first_seed: as in `score_folds`. delta_accuracy and delta_f1: as
    values there, with the corrected interval of the folds' differences; p_value: the corrected resampled t-test of
    delta_accuracy (`ResampledMean`), detectable: what it would find at 80 % power. Unlike McNemar's test they speak of
    other trainings too. p_mid is NaN. seed: a's first. rows, wins, losses, both_right, both_wrong, won and lost: of the
    first repeat.

    Where the folds do not tell, since all differ by exactly the same, what rests on them is `compare`'s of the first
    repeat. Raises ValueError as `score_folds` does, and where the arms have not the same rows in each fold.
    """
    a, b = _Parts.of(a_parts, folds, first_seed), _Parts.of(b_parts, folds, first_seed)
    _check_pairs(a, b)
    share = a.test_share(train_rows)
    by_fold = _differences(a.parts, b.parts, positive)
    by_repeat = _differences(a.repeats, b.repeats, positive)
    accuracy, f1 = (ResampledMean.of(a.mean(by_repeat[name]), by_fold[name], share) for name in ("accuracy", "f1"))
    found = replace(compare(a.repeats[0], b.repeats[0], positive), p_mid=math.nan)
    if f1.error > 0:
        found = replace(found, delta_f1=f1.interval(-1.0, 1.0))
    if accuracy.error > 0:
        found = replace(
            found,
            delta_accuracy=accuracy.interval(-1.0, 1.0),
            p_value=accuracy.p_value(),
            detectable=min(accuracy.detectable(), 1.0),
        )
    return found


@dataclass(frozen=True)
class _Parts:
    """One arm's parts that belong together, by seed; repeats: the folds of each put together; each row's label."""

    parts: tuple[Predictions, ...]
    repeats: tuple[Predictions, ...]
    label_of: Mapping[str, int]

    @classmethod
    def of(cls, parts: Sequence[Predictions], folds: int, first_seed: int | None) -> _Parts:
        ordered = tuple(sorted(parts, key=lambda part: part.seed))
        seeds = [part.seed for part in ordered]
        first = min(seeds, default=0) if first_seed is None else first_seed
        if folds < 2 or not seeds or len(set(seeds)) != len(seeds) or seeds[0] < first:
            raise ValueError(
                f"cross-validation: 2 or more folds, and parts with a seed of its own each, from {first} on, are "
                f"expected, got {folds} and the seeds {seeds}."
            )
        for part in ordered:
            check_predictions(part)
            for name in ("arm", "split", "label_names"):
                mine, other = getattr(ordered[0], name), getattr(part, name)
                if mine != other:
                    raise ValueError(f"cross-validation: one {name} is expected, got {mine} and {other}.")
        by_repeat = groupby(ordered, key=lambda part: (part.seed - first) // folds)
        repeats = tuple(_together(tuple(own)) for _, own in by_repeat)
        return cls(ordered, repeats, _labels(repeats))

    def mean(self, of_repeats: Floats) -> float:
        """Return the mean over repeats, by their rows."""
        return float(np.average(of_repeats, weights=[len(pooled.labels) for pooled in self.repeats]))

    def test_share(self, train_rows: int) -> float:
        """Return test rows over training rows of a fold."""
        if train_rows < 1:
            raise ValueError(f"train_rows: at least 1 is expected, got {train_rows}.")
        return float(np.mean([len(part.labels) for part in self.parts])) / train_rows


def _together(parts: Sequence[Predictions]) -> Predictions:
    pooled = replace(
        parts[0],
        row_ids=tuple(row_id for part in parts for row_id in part.row_ids),
        labels=np.concatenate([part.labels for part in parts]),
        probabilities=np.concatenate([part.probabilities for part in parts]),
    )
    check_predictions(pooled)
    return pooled


def _labels(repeats: Sequence[Predictions]) -> dict[str, int]:
    """Return each distinct row's label. Raises ValueError where two repeats do not agree on one."""
    label_of: dict[str, int] = {}
    for pooled in repeats:
        for row_id, label in zip(pooled.row_ids, pooled.labels.tolist(), strict=True):
            if label_of.setdefault(row_id, label) != label:
                raise ValueError(
                    f"cross-validation: one label a row is expected of {pooled.arm} in all repeats, {row_id} is "
                    f"{pooled.label_names[label_of[row_id]]} and {pooled.label_names[label]}."
                )
    return label_of


def _differences(a: Sequence[Predictions], b: Sequence[Predictions], positive: int | None) -> dict[str, Floats]:
    """Return a's accuracy and f1 minus b's, each for each pair of parts."""
    pairs = [(seed_scores(of_a, positive), seed_scores(of_b, positive)) for of_a, of_b in zip(a, b, strict=True)]
    return {name: np.array([of_a[name] - of_b[name] for of_a, of_b in pairs]) for name in ("accuracy", "f1")}


def _check_pairs(a: _Parts, b: _Parts) -> None:
    arms = f"{a.parts[0].arm} and {b.parts[0].arm}"
    seeds_a, seeds_b = ([part.seed for part in each.parts] for each in (a, b))
    if seeds_a != seeds_b:
        raise ValueError(
            f"compare_folds: the same folds of {arms} are expected, got the seeds {seeds_a} and {seeds_b}."
        )
    for of_a, of_b in zip(a.parts, b.parts, strict=True):
        if set(of_a.row_ids) != set(of_b.row_ids):
            raise ValueError(
                f"compare_folds: the same rows in each fold are expected of {arms}, those of seed {of_a.seed} differ."
            )
