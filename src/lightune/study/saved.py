"""A finished study read back: of each arm the predictions that stand for it. Needs no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightune.errors import InputError
from lightune.evaluation import check_predictions
from lightune.predictions import read_predictions
from lightune.records import Predictions, StudyResult
from lightune.report import load_result
from lightune.study.folder import StudyFolder


@dataclass(frozen=True)
class SavedStudy:
    """A study and, by arm, the predictions that stand for it, all of the same test rows.

    left_out: arm -> why it has none. rows: how many test rows there are.
    """

    folder: Path
    result: StudyResult
    arms: Mapping[str, Predictions]
    left_out: Mapping[str, str]
    rows: int

    def with_labels(self, names: tuple[str, ...]) -> SavedStudy:
        """The same with labels and probabilities in the order of `names`, which are the same labels."""
        return replace(self, arms={arm: _aligned(part, names) for arm, part in self.arms.items()})

    def on(self, row_ids: Sequence[str]) -> SavedStudy:
        """The same with these rows only, in this order."""
        return replace(self, arms={arm: _rows(part, row_ids) for arm, part in self.arms.items()})

    def truths(self) -> dict[str, str]:
        """The true label's name by row id."""
        part = next(iter(self.arms.values()))
        return {row: part.label_names[label] for row, label in zip(part.row_ids, part.labels, strict=True)}


def read_study(folder: Path) -> SavedStudy:
    """Read a study's results and the test predictions of each arm: those of one run, or of one repeat's folds.

    Of each arm the run on the most training rows with the lowest seed stands for it; of a cross-validation the folds of
    its first repeat together. Raises InputError where the folder holds no finished study or no arm with a result, and
    where predictions are absent or damaged.
    """
    if not folder.is_dir():
        what = "it is a file" if folder.exists() else "it does not exist"
        raise InputError(f"{folder}: the folder of a finished study is expected, but {what}.")
    result = load_result(folder)
    arms: dict[str, Predictions] = {}
    left_out: dict[str, str] = {}
    for arm in result.arms:
        if not arm.metrics:
            left_out[arm.name] = f"it failed: {arm.reason}"
            continue
        parts = _first_runs(_predictions(StudyFolder(folder).predictions(arm.name)), result)
        if result.cross_validation is not None and len(parts) < result.cross_validation.folds:
            left_out[arm.name] = f"{len(parts)} of {result.cross_validation.folds} folds are done"
            continue
        arms[arm.name] = _aligned(_checked(_pooled(parts), folder), result.data.label_names)
    if not arms:
        raise InputError(f"{folder}: an arm with a result is expected, but none has one. Mend the study first.")
    rows = set(next(iter(arms.values())).row_ids)
    for name in [name for name, part in arms.items() if set(part.row_ids) != rows]:
        left_out[name] = "it answered other test rows than the study's other arms"
        del arms[name]
    return SavedStudy(folder, result, arms, left_out, len(rows))


def _predictions(path: Path) -> list[Predictions]:
    """The test split's predictions in a file."""
    if not path.is_file():
        raise InputError(
            f"{path} is missing: the predictions that the study's results.json tells of are expected. The same "
            "`lightune study` command writes them anew."
        )
    try:
        parts = [part for part in read_predictions(path) if part.split == "test"]
    except (OSError, ValueError, KeyError) as error:  # pyarrow's own errors are among these
        raise _damaged(path, error) from error
    if not parts:
        raise _damaged(path, "it has no row of the test split")
    return parts


def _first_runs(parts: Sequence[Predictions], result: StudyResult) -> list[Predictions]:
    """The run on the most training rows with the lowest seed; of a cross-validation the folds of its first repeat."""
    most = max(part.train_size for part in parts)
    runs = sorted((part for part in parts if part.train_size == most), key=lambda part: part.seed)
    if result.cross_validation is None:
        return runs[:1]
    first = int(result.config.get("seed", runs[0].seed))
    return [part for part in runs if first <= part.seed < first + result.cross_validation.folds]


def _pooled(parts: Sequence[Predictions]) -> Predictions:
    return replace(
        parts[0],
        row_ids=tuple(row for part in parts for row in part.row_ids),
        labels=np.concatenate([part.labels for part in parts]),
        probabilities=np.concatenate([part.probabilities for part in parts]),
    )


def _checked(part: Predictions, folder: Path) -> Predictions:
    try:
        check_predictions(part)
    except ValueError as error:
        raise _damaged(StudyFolder(folder).predictions(part.arm), error) from error
    return part


def _damaged(path: Path, what: object) -> InputError:
    shown = str(what).strip().rstrip(".").splitlines()[0]
    return InputError(f"{path} is damaged or was edited ({shown}). The same `lightune study` command writes it anew.")


def _aligned(part: Predictions, names: tuple[str, ...]) -> Predictions:
    """The same predictions with the labels in the order of `names`."""
    if sorted(part.label_names) != sorted(names):
        raise InputError(
            f"predictions of {part.arm}: the labels {', '.join(names)} are expected, it has "
            f"{', '.join(part.label_names)}. The same `lightune study` command writes them anew."
        )
    order = [part.label_names.index(name) for name in names]
    place: NDArray[np.int64] = np.argsort(order)
    return replace(
        part,
        label_names=names,
        labels=place[part.labels],
        probabilities=np.ascontiguousarray(part.probabilities[:, order]),
    )


def _rows(part: Predictions, row_ids: Sequence[str]) -> Predictions:
    place = {row: at for at, row in enumerate(part.row_ids)}
    at = [place[row] for row in row_ids]
    return replace(part, row_ids=tuple(row_ids), labels=part.labels[at], probabilities=part.probabilities[at])
