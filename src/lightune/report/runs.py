"""An arm's runs: which ones count, and what to call them where each is a fold of a cross-validation."""

from __future__ import annotations

import math

from lightune.records import ArmResult, SeedScores, StudyResult
from lightune.report import format as show


def final_runs(arm: ArmResult) -> list[SeedScores]:
    """The arm's runs on the most training rows: all but those of a learning curve."""
    largest = max((run.train_size for run in arm.seeds), default=0)
    return [run for run in arm.seeds if run.train_size == largest]


def seed_accuracies(arm: ArmResult) -> list[float]:
    """The accuracy of each of the arm's final runs, where it is defined."""
    values = [run.metrics.get("accuracy", math.nan) for run in final_runs(arm)]
    return [value for value in values if show.defined(value)]


def is_mean(result: StudyResult, arm: ArmResult) -> bool:
    """Whether an arm's values are means: over seeds, or over the repeats of a cross-validation."""
    if result.cross_validation is not None:
        return result.cross_validation.repeats > 1
    return len(final_runs(arm)) > 1


def first_answers(result: StudyResult) -> str:
    """Whose answers stand for an arm where one set of them is looked at."""
    return "first seed" if result.cross_validation is None else "first repeat, all its folds together"


def first_run(result: StudyResult) -> str:
    """The run that stands for an arm where one run is looked at."""
    return "first seed" if result.cross_validation is None else "first fold"


def run_name(result: StudyResult, run: SeedScores) -> str:
    """A run's seed; of a cross-validation its repeat and fold, which its seed numbers from the study's first on."""
    folds = result.cross_validation
    if folds is None:
        return str(run.seed)
    repeat, fold = divmod(run.seed - int(result.config.get("seed", 0)), folds.folds)
    return f"fold {fold + 1}" if folds.repeats == 1 else f"repeat {repeat + 1}, fold {fold + 1}"
