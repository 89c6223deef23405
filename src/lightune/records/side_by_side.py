"""Two studies on the rows that both tested: `A` and `B`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lightune.records.scores import Comparison, Metric


@dataclass(frozen=True)
class StudySide:
    """One of the two. name: its model and data in words. rows: its test rows. left_out: arm -> why it takes no part."""

    folder: str
    name: str
    rows: int
    left_out: Mapping[str, str]


@dataclass(frozen=True)
class Difference:
    """Something in which the two studies differ, with what each has."""

    what: str
    a: str
    b: str


@dataclass(frozen=True)
class OtherTruth:
    """A row whose true label is one in A and another in B."""

    row_id: str
    a: str
    b: str


@dataclass(frozen=True)
class SharedScore:
    """An arm of study `A` or `B` on the shared rows, with 95 % intervals. seed: of cross-validation the first."""

    study: str
    arm: str
    train_size: int
    seed: int
    accuracy: Metric
    f1: Metric


@dataclass(frozen=True)
class SharedPair:
    """An arm of A (the comparison's `a`) against one of B (its `b`). better: `A`, `B`, or "" where that is open."""

    comparison: Comparison
    better: str


@dataclass(frozen=True)
class SideBySide:
    """Two studies on the rows that both tested and agree on.

    label_names, positive_label: A's; what f1 is of. in_both: rows that both tested. other_truths: those of them whose
    true labels differ, left out; shown: some of these. rows: the rest, on which everything here is. pairs: each arm
    that both have. best: the best of A against the best of B. notes: what should be known beside that, in words.
    """

    a: StudySide
    b: StudySide
    label_names: tuple[str, ...]
    positive_label: str | None
    in_both: int
    other_truths: int
    shown: tuple[OtherTruth, ...]
    rows: int
    differences: tuple[Difference, ...]
    scores: tuple[SharedScore, ...]
    pairs: tuple[SharedPair, ...]
    best: SharedPair
    notes: tuple[str, ...]
