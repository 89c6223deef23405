"""Which rows a run learns from and is tested on: all of the study's, a part of train for a point of a learning curve,
or one fold of a cross-validation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lightune.config import StudyConfig
from lightune.data import CutSize, cut, draw, fold_of
from lightune.records import RunKey, Splits

# Rows to choose on at the smallest points of a curve.
LEAST_CHOICE = 20
# What a fold's arms choose on, of the rows that are not tested in it.
VALIDATION = CutSize(asked=None, share=0.15, most=2_000, least=2, option="--validation-size")


def portion(splits: Splits, config: StudyConfig, key: RunKey) -> Splits:
    """Return the splits as the run `key` sees them.

    Of a learning curve's subsets a smaller one is part of a larger one of the same seed; different seeds draw
    different ones. Validation shrinks with train: its labels cost as much as others do, and an arm that learns from it
    too would otherwise learn from hundreds of rows at each point.
    """
    at = key.seed - config.seed
    if config.data.folds is not None:
        return _fold(splits, config, at)
    if key.train_size < len(splits.train):
        return _point(splits, key.train_size, config.data.seed + at)
    return splits


def _point(splits: Splits, size: int, seed: int) -> Splits:
    validation = splits.validation
    least = max(LEAST_CHOICE, 2 * len(splits.label_names))
    wanted = min(max(round(len(validation) * size / len(splits.train)), least), len(validation))
    return replace(
        splits, train=draw(splits.train, size, seed, "curve"), validation=draw(validation, wanted, seed, "curve choice")
    )


def fold_train_size(splits: Splits, config: StudyConfig) -> int:
    """About how many rows a fold's arms learn from, those that they choose on counted in."""
    assert config.data.folds is not None
    return len(splits.train) - len(splits.train) // config.data.folds


def _fold(splits: Splits, config: StudyConfig, at: int) -> Splits:
    """Fold `at` of all repeats: its rows are the test, the others are train, part of them validation."""
    data, rows = config.data, splits.test
    assert data.folds is not None
    repeat, fold = divmod(at, data.folds)
    groups = rows.columns[data.group_column] if data.group_column is not None else None
    place = fold_of(rows, data.folds, repeat, data.seed, groups)
    others = rows.take(np.flatnonzero(place != fold))
    theirs = others.columns[data.group_column] if data.group_column is not None else None
    train, validation = cut(others, VALIDATION, data.seed, f"fold {at}", theirs)
    test = rows.take(np.flatnonzero(place == fold))
    return replace(splits, train=train, validation=validation, test=test)
