"""The frozen records that the stages exchange. Plain data: no torch, no transformers, nothing that computes.

Everything here is picklable, and everything but the texts and the predictions goes to JSON and back
(`to_json`, `from_json`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import cattrs
import numpy as np
from numpy.typing import NDArray

SCHEMA_VERSION = 1

T = TypeVar("T")


# ---------------------------------------------------------------------------------------------------- data


@dataclass(frozen=True)
class Rows:
    """One split. All fields have the same length n.

    texts: as they stand in the source, never altered. labels: int64, index into the label names; -1 is unlabelled.
    row_ids: `<content hash>-<occurrence>`, the same wherever this text stands in whatever subset. columns: the
    other columns, as strings ("" where the source had no value).
    """

    texts: tuple[str, ...]
    labels: NDArray[np.int64]
    row_ids: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> Rows:
        """Return the rows at `indices`, in that order."""
        at = np.asarray(indices, dtype=np.int64)
        return Rows(
            texts=tuple(self.texts[i] for i in at),
            labels=self.labels[at],
            row_ids=tuple(self.row_ids[i] for i in at),
            columns={name: tuple(values[i] for i in at) for name, values in self.columns.items()},
        )


@dataclass(frozen=True)
class SplitFacts:
    """What one split holds: rows, rows for each label name, empty (blank) texts, texts that repeat an earlier one."""

    rows: int
    labels: Mapping[str, int]
    empty_texts: int
    duplicate_texts: int


@dataclass(frozen=True)
class DataFacts:
    """What the report says of the data. `fingerprint`: SHA-256 over the row ids and labels of every split used.

    notes: sentences for people on what was done ("No validation split: 10 % were cut from train.").
    train_test_overlap: test rows whose text also stands in train or validation.
    """

    source: str
    fingerprint: str
    label_names: tuple[str, ...]
    positive_label: str | None
    text_column: str
    label_column: str
    splits: Mapping[str, SplitFacts]
    train_test_overlap: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Splits:
    """The data of a study. `extra`: further labelled splits that are evaluated beside test, by name."""

    train: Rows
    validation: Rows
    test: Rows
    extra: Mapping[str, Rows]
    facts: DataFacts

    @property
    def label_names(self) -> tuple[str, ...]:
        """The label names in the order of the label ids."""
        return self.facts.label_names

    def evaluated(self) -> dict[str, Rows]:
        """Return the splits that arms are evaluated on, `test` first."""
        return {"test": self.test, **self.extra}


# ---------------------------------------------------------------------------------------------------- runs


@dataclass(frozen=True)
class RunKey:
    """The unit of work: one arm, trained on `train_size` rows, with one seed."""

    arm: str
    train_size: int
    seed: int

    @property
    def name(self) -> str:
        """A folder name."""
        return f"{self.arm}-n{self.train_size}-s{self.seed}"


@dataclass(frozen=True)
class Predictions:
    """What one run says of one split.

    label_names: length k. labels: int64 [n], the true ones. probabilities: float64 [n, k], rows sum to one.
    A run of an untrained head makes one of these a head seed.
    """

    arm: str
    split: str
    train_size: int
    seed: int
    label_names: tuple[str, ...]
    row_ids: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True)
class Cost:
    """What a run cost, measured in a process of its own. Seconds, bytes, counts.

    fit_seconds and predict_seconds leave loading and saving out. predict_seconds is for the test split alone.
    peak_memory_bytes: the process's peak resident memory; on a GPU the device's peak is added as
    peak_device_memory_bytes. Useful tokens are those that are not padding; a token trained on twice counts twice.
    """

    fit_seconds: float
    predict_seconds: float
    trainable_parameters: int
    total_parameters: int
    peak_memory_bytes: int
    artifact_bytes: int
    fit_tokens_per_second: float | None = None
    fit_rows_per_second: float | None = None
    predict_tokens_per_second: float | None = None
    predict_rows_per_second: float | None = None
    peak_device_memory_bytes: int | None = None


@dataclass(frozen=True)
class TrainingPoint:
    """One line of a training's history. Losses are mean negative log-likelihoods in nats."""

    step: int
    epoch: float
    train_loss: float | None = None
    learning_rate: float | None = None
    gradient_norm: float | None = None
    validation: Mapping[str, float] | None = None


@dataclass(frozen=True)
class TrainingFacts:
    """How a model was trained. `recipe`: every setting that was used, defaults resolved."""

    steps: int
    planned_steps: int
    epochs: float
    best_step: int
    selected_by: str
    stopped_early: bool
    recipe: Mapping[str, Any]
    history: tuple[TrainingPoint, ...]


@dataclass(frozen=True)
class RunRecord:
    """What is kept of a run. `status`: done or failed (with `reason`).

    seeds: the seeds its predictions carry; more than one only for an untrained head measured over head seeds.
    cut_rows: rows of each evaluated split that were longer than the model's limit. reload_difference: the largest
    absolute difference between the logits of the saved and reloaded model and those in memory. head: `trained` or
    `untrained`, how a model's head was before the arm did anything; None for what has none.
    """

    key: RunKey
    status: str
    reason: str | None
    seeds: tuple[int, ...]
    fingerprint: str
    cost: Cost | None = None
    training: TrainingFacts | None = None
    stock_route: str | None = None
    reload_difference: float | None = None
    cut_rows: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    head: str | None = None


# ---------------------------------------------------------------------------------------------- evaluation


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

    p_value: McNemar's exact test, two-sided. wins: rows only `a` has right; losses: rows only `b` has right.
    won, lost: the most telling of each, widest gap first. seed: that of both runs.
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


@dataclass(frozen=True)
class ArmResult:
    """All runs of an arm, evaluated. `metrics` are those of the test split, `splits` those of the extra ones.

    cost is the first seed's. head: as in RunRecord.
    """

    name: str
    status: str
    reason: str | None
    metrics: Mapping[str, Metric]
    confusion: tuple[tuple[int, ...], ...]
    cost: Cost | None
    seeds: tuple[SeedScores, ...]
    splits: Mapping[str, Scores]
    stock_route: str | None
    training: TrainingFacts | None = None
    reload_difference: float | None = None
    cut_rows: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    head: str | None = None


@dataclass(frozen=True)
class StudyResult:
    """All that `results.json` holds. `config` and `environment` are plain JSON."""

    schema_version: int
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    data: DataFacts
    arms: tuple[ArmResult, ...]
    comparisons: tuple[Comparison, ...]


# --------------------------------------------------------------------------------------------------- JSON


def to_json(record: Any) -> Any:
    """Turn a record (not Rows or Predictions) into plain JSON values; NaN and infinities become null."""
    return _plain(_converter.unstructure(record))


def from_json(kind: type[T], value: Any) -> T:
    """Build a record of `kind` from what `to_json` made. Unknown keys are ignored, a null number becomes NaN.

    Raises ValueError naming the field when a value is missing or of the wrong kind.
    """
    try:
        return _converter.structure(value, kind)
    except cattrs.BaseValidationError as error:
        faults = "; ".join(cattrs.transform_error(error))
        raise ValueError(f"not a {kind.__name__}: {faults}") from error


def dumps(record: Any) -> str:
    """`to_json` as indented UTF-8 text with a final newline. Never writes NaN, which is not JSON."""
    return json.dumps(to_json(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _structure_float(value: Any, _: Any) -> float:
    return math.nan if value is None else float(value)


_converter = cattrs.Converter()
_converter.register_structure_hook(float, _structure_float)
