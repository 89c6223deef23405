"""One run: an arm fitted, measured on every evaluated split, saved, reloaded and compared. Knows no arm's inside."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cattrs
import numpy as np
from numpy.typing import NDArray

from lightune.config import StudyConfig
from lightune.data import load_rows, save_rows
from lightune.errors import RunError
from lightune.evaluation import check_predictions, fit_temperature
from lightune.predictions import write_predictions
from lightune.progress import Progress
from lightune.records import (
    Cost,
    DataFacts,
    Predictions,
    Rows,
    RunKey,
    RunRecord,
    Splits,
    dumps,
    from_json,
    to_json,
)
from lightune.runtime import peak_device_memory_bytes, peak_memory_bytes, pick_device, seed_everything
from lightune.study.portion import portion
from lightune.whole import write_whole

if TYPE_CHECKING:
    from lightune.arms.base import FitFacts, Fitted, Predicted

RECORD = "record.json"
PREDICTIONS = "predictions.parquet"
CUT = "cut.json"
CHECKPOINTS = "checkpoints"
CHECKED_ROWS = 64
TOLERANCES = {"float32": 1e-5, "bfloat16": 5e-2}


@dataclass(frozen=True)
class RunSpec:
    """All a worker needs: plain data, paths as text.

    arm: as it was asked for. data: where `write_splits` put the splits. artifact: where it is saved; None: it is not.
    cache: a folder for what several runs compute alike.
    """

    config: StudyConfig
    arm: str
    key: RunKey
    fingerprint: str
    data: str
    folder: str
    artifact: str | None
    cache: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return to_json(self)  # type: ignore[no-any-return]


def spec_from_json(values: Mapping[str, Any]) -> RunSpec:
    """Read what `RunSpec.to_json` gave."""
    return cattrs.structure(values, RunSpec)


def execute_run(spec: RunSpec, progress: Progress) -> RunRecord:
    """Do the run in this process, write its predictions, artefact and record, and return the record.

    Raises what the arm raises; the caller turns that into a failed record.
    """
    from lightune.arms import make_arm
    from lightune.arms.base import ArmContext

    splits = portion(read_splits(Path(spec.data)), spec.config, spec.key)
    folder = Path(spec.folder)
    folder.mkdir(parents=True, exist_ok=True)
    seed_everything(spec.key.seed)
    facts = splits.facts
    context = ArmContext(
        spec=spec.arm,
        config=spec.config,
        label_names=splits.label_names,
        positive_label=facts.positive_label,
        data_fingerprint=facts.fingerprint,
        seed=spec.key.seed,
        train_size=spec.key.train_size,
        scratch=folder,
        cache=Path(spec.cache),
        progress=progress,
    )
    _own_checkpoints(folder, spec.fingerprint)
    try:
        fitted = make_arm(context).fit(splits.train, splits.validation)
    except OSError:
        raise  # No room, no right to write: nothing is wrong with the checkpoints, and the next try goes on from them.
    except Exception:
        # An arm, peft or torch may raise anything over a checkpoint that cannot be read, and would again at each try:
        # the next one starts anew.
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
        raise
    answers = _answers(fitted, splits)
    predictions = _predictions(spec.key, splits, fitted.seeds, answers)
    for part in predictions:
        check_predictions(part)  # here it is this run's failure, later it would be the whole study's
    temperature = _temperature(fitted, splits.validation)
    cost = _cost(fitted.facts, answers["test"], len(splits.test))  # before the reload, which holds a second model
    saved = _save(Path(spec.artifact), fitted, splits.test, temperature, progress) if spec.artifact else _Saved()
    write_predictions(folder / PREDICTIONS, spec.key.arm, predictions)
    write_cut(folder, answers)
    record = RunRecord(
        key=spec.key,
        status="done",
        reason=None,
        seeds=fitted.seeds,
        fingerprint=spec.fingerprint,
        cost=None if cost is None else replace(cost, artifact_bytes=saved.size),
        training=fitted.facts.training,
        stock_route=saved.route,
        reload_difference=saved.difference,
        cut_rows={name: int(answer.cut.sum()) for name, answer in answers.items() if answer.cut is not None},
        notes=fitted.facts.notes,
        head=fitted.facts.head,
        validation_use=fitted.facts.validation_use,
        labels_only=fitted.facts.labels_only,
        temperature=temperature,
    )
    write_whole(folder / RECORD, dumps(record))
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    return record


def read_record(folder: Path) -> RunRecord | None:
    """Return the record in a run's folder, None where there is none that can be read."""
    try:
        return from_json(RunRecord, json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def failed_record(spec: RunSpec, reason: str) -> RunRecord:
    """Make the record of a run that did not get to its end, and write it."""
    record = RunRecord(spec.key, "failed", reason, (spec.key.seed,), spec.fingerprint)
    Path(spec.folder).mkdir(parents=True, exist_ok=True)
    write_whole(Path(spec.folder) / RECORD, dumps(record))
    return record


def write_splits(folder: Path, splits: Splits) -> None:
    """Put the splits where the workers read them."""
    folder.mkdir(parents=True, exist_ok=True)
    named = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    for name, rows in named.items():
        save_rows(rows, folder / f"{name}.parquet")
    for at, rows in enumerate(splits.extra.values()):
        save_rows(rows, folder / f"extra-{at}.parquet")
    values = {"facts": to_json(splits.facts), "extra": list(splits.extra)}
    write_whole(folder / "facts.json", json.dumps(values))


def read_splits(folder: Path) -> Splits:
    """Read what `write_splits` wrote."""
    values = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    extra = {name: load_rows(folder / f"extra-{at}.parquet") for at, name in enumerate(values["extra"])}
    train, validation, test = (load_rows(folder / f"{name}.parquet") for name in ("train", "validation", "test"))
    return Splits(train, validation, test, extra, from_json(DataFacts, values["facts"]))


def write_cut(folder: Path, answers: Mapping[str, Predicted]) -> None:
    """Keep which rows of each split were cut at the model's limit, by their places."""
    places = {name: np.flatnonzero(answer.cut).tolist() for name, answer in answers.items() if answer.cut is not None}
    write_whole(folder / CUT, json.dumps(places))


def read_cut(folder: Path, split: str, rows: int) -> NDArray[np.bool_] | None:
    """Which of the `rows` of a split a run cut, bool [rows]; None where the run has no limit or kept nothing."""
    try:
        places = json.loads((folder / CUT).read_text(encoding="utf-8")).get(split)
    except (OSError, ValueError):
        return None
    if places is None:
        return None
    cut = np.zeros(rows, dtype=bool)
    cut[places] = True
    return cut


def _own_checkpoints(folder: Path, fingerprint: str) -> None:
    """Remove the checkpoints of a run with other settings, which this one must not go on from."""
    mark = folder / CHECKPOINTS / "fingerprint"
    if mark.exists() and mark.read_text(encoding="utf-8") == fingerprint:
        return
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    mark.parent.mkdir(parents=True)
    mark.write_text(fingerprint, encoding="utf-8")


def _predictions(
    key: RunKey, splits: Splits, seeds: tuple[int, ...], answers: Mapping[str, Predicted]
) -> list[Predictions]:
    return [
        Predictions(
            arm=key.arm,
            split=name,
            train_size=key.train_size,
            seed=seed,
            label_names=splits.label_names,
            row_ids=rows.row_ids,
            labels=rows.labels,
            probabilities=probabilities,
        )
        for name, rows in splits.evaluated().items()
        if name in answers
        for seed, probabilities in zip(seeds, answers[name].probabilities, strict=True)
    ]


def _answers(fitted: Fitted, splits: Splits) -> dict[str, Predicted]:
    """What the arm says of each evaluated split. A file of predictions need not have the extra ones."""
    from lightune.arms.predictions_file import NoAnswer

    answers = {"test": fitted.predict_each(splits.test)}
    for name, rows in splits.extra.items():
        with contextlib.suppress(NoAnswer):
            answers[name] = fitted.predict_each(rows)
    return answers


def _temperature(fitted: Fitted, validation: Rows) -> float | None:
    """Fit the temperature on what the arm said of validation before it learned from it; None where it says nothing."""
    from lightune.arms.predictions_file import NoAnswer

    if fitted.facts.labels_only:
        return None
    held_out = fitted.facts.held_out
    try:
        probabilities = fitted.predict_each(validation).probabilities[0] if held_out is None else held_out
    except NoAnswer:
        return None
    return fit_temperature(validation.labels, probabilities)


def _cost(facts: FitFacts, test: Predicted, rows: int) -> Cost | None:
    """What the run took; None for answers that were made elsewhere."""
    if test.seconds <= 0:
        return None
    return Cost(
        fit_seconds=facts.fit_seconds,
        predict_seconds=test.seconds,
        trainable_parameters=facts.trainable_parameters,
        total_parameters=facts.total_parameters,
        peak_memory_bytes=peak_memory_bytes(),
        artifact_bytes=0,
        fit_tokens_per_second=_rate(facts.tokens, facts.fit_seconds),
        fit_rows_per_second=_rate(facts.rows, facts.fit_seconds),
        predict_tokens_per_second=_rate(test.tokens, test.seconds),
        predict_rows_per_second=_rate(rows, test.seconds),
        peak_device_memory_bytes=peak_device_memory_bytes(),
    )


@dataclass(frozen=True)
class _Saved:
    """What became of an artefact. difference: None where nothing was saved that can be loaded again."""

    route: str | None = None
    size: int = 0
    difference: float | None = None


def _save(folder: Path, fitted: Fitted, test: Rows, temperature: float | None, progress: Progress) -> _Saved:
    """Save the artefact, load it again, and compare its answers. What answers differently is removed."""
    from lightune.artifacts import folder_bytes, is_artifact, remove_artifact

    progress("save", 0, 1, {})
    route = fitted.save(folder, temperature)
    if not is_artifact(folder):
        return _Saved(route)
    try:
        difference = _reload(folder, fitted, test)
    except BaseException:
        remove_artifact(folder)
        raise
    return _Saved(route, folder_bytes(folder), difference)


def _reload(artifact: Path, fitted: Fitted, rows: Rows) -> float:
    """Largest difference between the logits of the artefact, loaded again, and those in memory. Raises RunError."""
    from lightune.inference import load

    texts = checked_texts(rows)
    difference = float(np.abs(load(artifact).logits(texts) - fitted.logits(texts)).max())
    tolerance = TOLERANCES[pick_device().precision]
    if not difference <= tolerance:
        raise RunError(
            f"The saved artefact, loaded again, answers differently: its logits differ by {difference:.2g} where at "
            f"most {tolerance:.0e} is allowed, so it is not to be trusted."
        )
    return difference


def checked_texts(rows: Rows) -> list[str]:
    """Return real texts to compare answers on: the longest, the shortest, an empty one, and others spread over the
    rows."""
    order = np.argsort([len(text) for text in rows.texts], kind="stable")
    spread = np.linspace(0, len(rows) - 1, num=min(CHECKED_ROWS - 3, len(rows)), dtype=np.int64)
    chosen = dict.fromkeys([int(order[-1]), int(order[0]), *spread.tolist()])
    return ["", *(rows.texts[at] for at in chosen)]


def _rate(count: int, seconds: float) -> float | None:
    return count / seconds if count and seconds > 0 else None
