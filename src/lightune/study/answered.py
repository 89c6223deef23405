"""The saved answers of an arm, put in order: its runs on all training rows, those of its curve, its folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lightune.predictions import read_predictions, write_predictions
from lightune.records import Predictions, Rows, RunRecord
from lightune.study.folder import StudyFolder
from lightune.study.runs import PREDICTIONS


@dataclass(frozen=True)
class Answered:
    """An arm's runs that are done, and what they predicted.

    records: of the runs on all training rows (of all folds), by seed. parts: their predictions on test, one a seed.
    first: those of the first seed (of a cross-validation the first repeat's folds together, in the rows' order); None
    without any. others: predictions on further splits. curve: (record, predictions on test) of the smaller sizes.
    failed: records of runs that failed, of whatever size.
    """

    name: str
    records: tuple[RunRecord, ...]
    parts: tuple[Predictions, ...]
    first: Predictions | None
    others: tuple[Predictions, ...]
    curve: tuple[tuple[RunRecord, Predictions], ...]
    failed: tuple[RunRecord, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the predictions on test, in order."""
        return tuple(part.seed for part in self.parts)


def gather(
    folder: StudyFolder, name: str, records: Sequence[RunRecord], size: int, test: Rows, folds: int | None
) -> Answered:
    """Read the predictions of an arm's runs, and write them all into the arm's one file.

    size: the training rows of a run that is no point of a curve. folds: of a cross-validation.
    """
    done = [record for record in records if record.status == "done"]
    if folds is not None and len(done) < len(records):
        done = []  # a cross-validation that lacks a fold has not tested every row
    read = [(record, read_predictions(folder.run(record.key) / PREDICTIONS)) for record in done]
    if read:
        write_predictions(folder.predictions(name), name, [part for _, parts in read for part in parts])
    final = [(record, parts) for record, parts in read if record.key.train_size == size]
    tests = tuple(part for _, parts in final for part in parts if part.split == "test")
    return Answered(
        name=name,
        records=tuple(record for record, _ in final),
        parts=tests,
        first=_first(tests, test, folds),
        others=tuple(part for _, parts in final for part in parts if part.split != "test"),
        curve=tuple(
            (record, part)
            for record, parts in read
            if record.key.train_size != size
            for part in parts
            if part.split == "test"
        ),
        failed=tuple(record for record in records if record.status != "done"),
    )


def _first(parts: Sequence[Predictions], test: Rows, folds: int | None) -> Predictions | None:
    if not parts:
        return None
    if folds is None:
        return min(parts, key=lambda part: part.seed)
    place = {row_id: at for at, row_id in enumerate(test.row_ids)}
    chosen = sorted(parts, key=lambda part: part.seed)[:folds]
    ids = [row_id for part in chosen for row_id in part.row_ids]
    order = np.argsort([place[row_id] for row_id in ids])
    return replace(
        chosen[0],
        row_ids=tuple(ids[at] for at in order),
        labels=np.concatenate([part.labels for part in chosen])[order],
        probabilities=np.concatenate([part.probabilities for part in chosen])[order],
    )
