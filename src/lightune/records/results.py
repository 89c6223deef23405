"""All that came of a study: what `results.json` holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lightune.records.certificate import Certificate
from lightune.records.data import DataFacts
from lightune.records.findings import Findings
from lightune.records.runs import Cost, TrainingFacts
from lightune.records.scores import (
    Calibration,
    Comparison,
    Frontier,
    Metric,
    Scores,
    SeedComparison,
    SeedScores,
    Verdict,
)

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ArmResult:
    """All runs of an arm, evaluated. `metrics` are those of the test split, `splits` those of the extra ones.

    cost is the first seed's. head: as in RunRecord. validation_use: what the arm used validation for, in words.
    labels_only: it gives labels without probabilities, so what needs those is NaN. certificate: of the first seed's
    artefact.
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
    validation_use: str = ""
    labels_only: bool = False
    calibration: Calibration | None = None
    certificate: Certificate | None = None


@dataclass(frozen=True)
class CrossValidation:
    """How test rows came about where every row was one: `folds` parts, cut anew `repeats` times."""

    folds: int
    repeats: int


@dataclass(frozen=True)
class StudyResult:
    """All that `results.json` holds. `config` and `environment` are plain JSON."""

    schema_version: int
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    data: DataFacts
    arms: tuple[ArmResult, ...]
    comparisons: tuple[Comparison, ...]
    verdict: Verdict = field(default_factory=lambda: Verdict("nothing"))
    seed_comparisons: tuple[SeedComparison, ...] = ()
    frontiers: tuple[Frontier, ...] = ()
    findings: Findings = field(default_factory=Findings)
    cross_validation: CrossValidation | None = None
