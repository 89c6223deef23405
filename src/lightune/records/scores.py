"""Metrics with their intervals, and arms compared."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from lightune.records.runs import Cost


@dataclass(frozen=True)
class Metric:
    """A value with its 95 % interval. NaN (null in JSON) where it is not defined, with equal low and high."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Scores:
    """An arm on one split.

    metrics: accuracy, f1, macro_f1, precision, recall, loss, mcc, auroc, pr_auc. Over several seeds a value is the mean
    over seeds. confusion: counts, [true][predicted], of the first seed.
    """

    rows: int
    metrics: Mapping[str, Metric]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class SeedScores:
    """One run (or one head seed of it): the plain values on the test split, and what it cost."""

    seed: int
    train_size: int
    metrics: Mapping[str, float]
    cost: Cost | None


@dataclass(frozen=True)
class TellingRow:
    """A row that one arm has right and the other has wrong, with the probability each gives to the true label."""

    row_id: str
    label: str
    predicted_a: str
    predicted_b: str
    probability_a: float
    probability_b: float


@dataclass(frozen=True)
class Comparison:
    """Two arms on the same test rows, deltas are a minus b.

    p_value: McNemar's exact test, two-sided; of cross-validation the corrected resampled t-test. p_mid: McNemar's
    mid-p. p_holm: p_value after Holm's correction over all pairs of the same seed. NaN where it was not computed.
    wins: rows only `a` has right; losses: rows only `b` has right. won, lost: the most telling of each, widest gap
    first. seed: that of both runs. detectable: the smallest difference in accuracy that these rows find at 80 % power,
    with as many rows on which exactly one is right as these two have.
    """

    a: str
    b: str
    seed: int
    rows: int
    delta_accuracy: Metric
    delta_f1: Metric
    p_value: float
    wins: int
    losses: int
    both_right: int
    both_wrong: int
    won: tuple[TellingRow, ...] = ()
    lost: tuple[TellingRow, ...] = ()
    p_mid: float = math.nan
    p_holm: float = math.nan
    detectable: float = math.nan


@dataclass(frozen=True)
class SeedComparison:
    """Two arms over all their seeds, deltas are a minus b: means over seeds, intervals over seeds and test rows.

    seed_sd, row_sd: standard deviations of the accuracy difference, as shares, that come from other seeds with these
    rows, and from other rows with these seeds. seed_sd is NaN where neither arm has two seeds.
    """

    a: str
    b: str
    seeds_a: int
    seeds_b: int
    rows: int
    delta_accuracy: Metric
    delta_f1: Metric
    seed_sd: float
    row_sd: float


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows of like confidence. confidence: their mean; accuracy: the share that is right, with Wilson's interval."""

    rows: int
    confidence: float
    accuracy: Metric


@dataclass(frozen=True)
class Calibration:
    """How far an arm's probabilities can be taken at their word, on the test rows of its first seed.

    ece: expected calibration error; brier: 0 to 2, sum over labels; nll: nats. temperature: fitted on validation, NaN
    where there is none; scaled: ece, brier and nll with it, by name (empty without it).
    """

    ece: Metric
    brier: Metric
    nll: Metric
    bins: tuple[ReliabilityBin, ...]
    temperature: float = math.nan
    scaled: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What the study says, in one word, and of whom.

    kind: `won` (the subject is better than the rival), `lost`, `tied` (the whole interval of the difference lies within
    `margin`), `too small` (neither: more rows are needed to say), `alone` (nothing to compare with), `nothing` (no arm
    has a result). subject: the best fine-tuned arm, the best of all where none was fine-tuned. rival: the best of the
    others. difference: subject minus rival, in accuracy. detectable: as in Comparison. seeds: whether the difference
    is over several seeds.
    """

    kind: str
    subject: str | None = None
    rival: str | None = None
    difference: Metric | None = None
    p_value: float = math.nan
    p_holm: float = math.nan
    rows: int = 0
    detectable: float = math.nan
    margin: float = math.nan
    seeds: bool = False


@dataclass(frozen=True)
class Frontier:
    """Arms that no other arm beats in both accuracy and one cost, cheapest first.

    cost: `seconds` (fit and predict), `peak_memory_bytes`, `artifact_bytes`, `trainable_parameters` or `fit_seconds`.
    """

    cost: str
    arms: tuple[str, ...]
