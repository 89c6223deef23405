"""Runs: what identifies one, what it predicted, what it cost, how it was trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightune.records.certificate import Certificate
from lightune.records.plan import Plan

# Below the artefact of an arm's first seed: those of its other seeds, which are not part of it.
SEEDS_FOLDER = "seeds"

# How a run's note begins that says that its times are not its alone.
BESIDE = "It ran beside other runs"


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
class RateTrial:
    """One learning rate tried in a short training before the long one. validation_loss: nats, at its end; NaN where it
    diverged. tokens, rows: useful tokens and rows that it took, each pass over them."""

    learning_rate: float
    validation_loss: float
    steps: int
    seconds: float
    tokens: int = 0
    rows: int = 0


@dataclass(frozen=True)
class TrainingFacts:
    """How a model was trained. `recipe`: every setting that was used, defaults resolved. trials: the search for the
    learning rate, in the order tried; none where the rate was given or a default. plan: how it was computed."""

    steps: int
    planned_steps: int
    epochs: float
    best_step: int
    selected_by: str
    stopped_early: bool
    recipe: Mapping[str, Any]
    history: tuple[TrainingPoint, ...]
    trials: tuple[RateTrial, ...] = ()
    plan: Plan | None = None


@dataclass(frozen=True)
class RunRecord:
    """What is kept of a run. `status`: done or failed (with `reason`).

    seeds: the seeds its predictions carry; more than one only for an untrained head measured over head seeds.
    cut_rows: rows of each evaluated split that were longer than the model's limit. reload_difference: the largest
    absolute difference between the logits of the saved and reloaded model and those in memory. head: `trained` or
    `untrained`, how a model's head was before the arm did anything; None for what has none. validation_use: what the
    arm used the validation rows for, in words. labels_only: its predictions are labels without probabilities.
    temperature: what divides its logits so that validation is likeliest; None where none could be fitted.
    certificate: what was checked of the artefact; None where none was kept.
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
    validation_use: str = ""
    labels_only: bool = False
    temperature: float | None = None
    certificate: Certificate | None = None
