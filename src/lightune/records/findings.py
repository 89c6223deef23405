"""Where the arms are right and wrong: slices, rows, labels, repeats, behaviour checks, learning curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lightune.records.scores import Metric


@dataclass(frozen=True)
class Slice:
    """Some of the test rows. group: what they were told apart by (`length`, `cut`, `label`, `negation` or a column);
    name: which part. accuracy: of each arm's first seed, with Wilson's interval."""

    group: str
    name: str
    rows: int
    accuracy: Mapping[str, Metric]


@dataclass(frozen=True)
class AnsweredRow:
    """A test row with what each arm says of it."""

    row_id: str
    label: str
    said: Mapping[str, str]


@dataclass(frozen=True)
class AloneRight:
    """Rows that one arm alone has right, of all that have a result. shown: some, most confident first."""

    arm: str
    rows: int
    shown: tuple[AnsweredRow, ...]


@dataclass(frozen=True)
class LabelIssue:
    """A test row whose label the arm doubts. The probabilities are the arm's."""

    row_id: str
    label: str
    suggested: str
    probability_label: float
    probability_suggested: float


@dataclass(frozen=True)
class LabelIssues:
    """Suspected label errors among the test rows, by confident learning on one arm's probabilities.

    rows: how many are suspected; shown: the most suspect first. without: accuracy of each arm on the other rows.
    """

    arm: str
    rows: int
    shown: tuple[LabelIssue, ...]
    without: Mapping[str, Metric] = field(default_factory=dict)


@dataclass(frozen=True)
class Repeat:
    """A test row and how like the likest other text is: 1 for the same words in the same order.

    split: where the other stands (`train`, `validation` or `test`); same_label: whether both have the same label.
    """

    row_id: str
    split: str
    similarity: float
    same_label: bool


@dataclass(frozen=True)
class Overlap:
    """Test rows whose text, or nearly it, stands elsewhere. threshold: the least similarity (Jaccard of word shingles).

    in_train: test rows with a like text in train or validation; in_test: with an earlier like one in test. shown: some,
    likest first. accuracy: of each arm on all test rows, clean: on those with no like text in train or validation.
    """

    threshold: float
    in_train: int
    in_test: int
    shown: tuple[Repeat, ...]
    accuracy: Mapping[str, Metric]
    clean: Mapping[str, Metric]


@dataclass(frozen=True)
class BehaviourFailure:
    """A case that an arm failed. changed: the second text of an invariance or direction test."""

    text: str
    changed: str | None
    expected: str
    got: str


@dataclass(frozen=True)
class BehaviourScore:
    """An arm on one behaviour test: the share of cases that failed, with Wilson's interval, and some of them."""

    failures: int
    rate: Metric
    shown: tuple[BehaviourFailure, ...]


@dataclass(frozen=True)
class BehaviourTest:
    """One behaviour test. kind: `minimum functionality`, `invariance` or `direction`. scores: by arm."""

    capability: str
    name: str
    kind: str
    cases: int
    scores: Mapping[str, BehaviourScore]


@dataclass(frozen=True)
class Behaviour:
    """Behaviour checks (Ribeiro et al. 2020). suite: its name. left_out: why nothing ran; None where it did.
    left_out_arms: arm -> why it was not asked."""

    suite: str
    tests: tuple[BehaviourTest, ...] = ()
    left_out: str | None = None
    left_out_arms: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CurvePoint:
    """An arm trained on so many rows: its test accuracy with each seed."""

    train_size: int
    accuracy: tuple[float, ...]


@dataclass(frozen=True)
class Curve:
    """Accuracy by training rows, and the saturating power law through it: ceiling - gap * rows ** -rate.

    fitted: ceiling, gap and rate by name; empty where no curve could be fitted, and `reason` says why. doubling: what
    twice the rows of the last point would add in accuracy, with a bootstrap interval; None without a fit. failed: what
    became of runs that failed, a sentence each.
    """

    arm: str
    points: tuple[CurvePoint, ...]
    fitted: Mapping[str, float] = field(default_factory=dict)
    doubling: Metric | None = None
    reason: str | None = None
    failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Findings:
    """All of the above for one study. left_out: analysis -> why it was not done."""

    slices: tuple[Slice, ...] = ()
    alone_right: tuple[AloneRight, ...] = ()
    label_issues: LabelIssues | None = None
    overlap: Overlap | None = None
    behaviour: Behaviour | None = None
    curves: tuple[Curve, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
