"""Which runs a study is made of."""

from __future__ import annotations

from dataclasses import dataclass

from lightune.arms import arm_kind
from lightune.config import StudyConfig
from lightune.records import RunKey, Splits
from lightune.study.portion import fold_train_size


@dataclass(frozen=True)
class PlannedRun:
    """A run that a study asks for. arm: as it was asked for, its name or `NAME=FILE`. title: what people call it."""

    arm: str
    key: RunKey
    title: str


def plan_runs(config: StudyConfig, splits: Splits) -> list[PlannedRun]:
    """All runs of a study: each arm on all training rows, the trained ones once a seed, then the points of the curves.

    Of a cross-validation: each arm once for each fold of each repeat, as seeds in that order.
    """
    runs = []
    for spec in config.arms:
        kind = arm_kind(spec)
        if config.data.folds is not None:
            size, seeds = fold_train_size(splits, config), config.data.folds * config.data.repeats
        else:
            size, seeds = len(splits.train), config.seeds if kind.trained else 1
        for at in range(seeds):
            key = RunKey(kind.name, size, config.seed + at)
            runs.append(PlannedRun(spec, key, _title(key, config, several=seeds > 1)))
    for spec in curve_arms(config):
        for size in sorted(size for size in config.curve.sizes if size < len(splits.train)):
            for at in range(config.curve.seeds):
                key = RunKey(arm_kind(spec).name, size, config.seed + at)
                runs.append(PlannedRun(spec, key, f"{key.arm} on {size:,} rows (seed {key.seed})"))
    return runs


def curve_arms(config: StudyConfig) -> tuple[str, ...]:
    """The arms that learning curves are drawn of, as they were asked for."""
    if not config.curve.sizes:
        return ()
    asked = config.curve.arms
    return tuple(
        spec for spec in config.arms if (arm_kind(spec).learns if asked is None else arm_kind(spec).name in asked)
    )


def is_kept(run: PlannedRun, config: StudyConfig, rows: int) -> bool:
    """Whether what a run made is saved: not that of a curve's point, and of a cross-validation the first fold's.

    rows: training rows of the study.
    """
    if config.data.folds is not None:
        return run.key.seed == config.seed
    return run.key.train_size == rows


def _title(key: RunKey, config: StudyConfig, several: bool) -> str:
    if config.data.folds is not None:
        repeat, fold = divmod(key.seed - config.seed, config.data.folds)
        again = f", repeat {repeat + 1}" if config.data.repeats > 1 else ""
        return f"{key.arm} (fold {fold + 1} of {config.data.folds}{again})"
    return f"{key.arm} (seed {key.seed})" if several else key.arm
