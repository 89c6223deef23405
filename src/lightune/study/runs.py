"""One run: an arm fitted, measured on every evaluated split, saved, reloaded and compared. Knows no arm's inside."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cattrs

from lightune.config import StudyConfig
from lightune.evaluation import check_predictions
from lightune.fresh import fresh_processes
from lightune.predictions import write_predictions
from lightune.progress import NOTE, Progress, silent
from lightune.ranks import joined
from lightune.records import RunKey, RunRecord, Splits, dumps, from_json, to_json
from lightune.runtime import seed_everything
from lightune.study.checkpoints import OwnCheckpoints, drop_checkpoints
from lightune.study.handover import read_splits, write_cut
from lightune.study.keeping import Saved, save_and_certify
from lightune.study.measured import answers_of, cost_of, predictions_of, temperature_of
from lightune.study.portion import portion
from lightune.version import VERSION
from lightune.whole import write_whole

if TYPE_CHECKING:
    from lightune.arms.base import ArmContext, Fitted

RECORD, SPEC = "record.json", "spec.json"
PREDICTIONS = "predictions.parquet"


@dataclass(frozen=True)
class RunSpec:
    """All a worker needs: plain data, paths as text.

    arm: as it was asked for. data: where `write_splits` put the splits. artifact: where it is saved; None: it is not.
    cache: a folder for what several runs compute alike. halvings: how often it was out of memory before.
    """

    config: StudyConfig
    arm: str
    key: RunKey
    fingerprint: str
    data: str
    folder: str
    artifact: str | None
    cache: str
    halvings: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return to_json(self)  # type: ignore[no-any-return]


def spec_from_json(values: Mapping[str, Any]) -> RunSpec:
    """Read what `RunSpec.to_json` gave."""
    return cattrs.structure(values, RunSpec)


def spec_file(folder: Path) -> Path:
    """Where the spec of a run stands in its folder."""
    return folder / SPEC


def spec_text(spec: RunSpec) -> str:
    """What is written there."""
    return json.dumps(spec.to_json())


def execute_run(spec: RunSpec, progress: Progress) -> RunRecord:
    """Do the run in this process, write its predictions, artefact and record, and return the record.

    Raises what the arm raises; the caller turns that into a failed record.
    """
    from lightune.arms.divergence import drop_best

    folder = Path(spec.folder)
    folder.mkdir(parents=True, exist_ok=True)
    splits, context = _begun(spec, progress)
    fitted = _fit(context, splits, spec.fingerprint)
    answers = answers_of(fitted, splits)
    predictions = predictions_of(spec.key, splits, fitted.seeds, answers)
    for part in predictions:
        check_predictions(part)  # here it is this run's failure, later it would be the whole study's
    temperature = temperature_of(fitted, splits.validation)
    cost = cost_of(fitted.facts, answers["test"], len(splits.test))  # before the reload, which holds a second model
    saved = Saved()
    if spec.artifact is not None:
        # Its libraries load for some seconds: not before, or a quick arm's cost would be theirs.
        fresh_processes()
        saved = save_and_certify(Path(spec.artifact), folder, fitted, splits.test, temperature, progress)
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
        certificate=saved.certificate,
    )
    write_whole(folder / RECORD, dumps(record))
    drop_checkpoints(folder)
    drop_best(folder)
    return record


def follow_run(spec: RunSpec) -> None:
    """Do this process's share of what another one does by `execute_run`: of the fitting, and of nothing else. Writes
    nothing. Raises what the arm raises, and Lost where the others have gone."""
    from lightune.arms import make_arm

    splits, context = _begun(spec, silent)
    with joined() as group:
        make_arm(replace(context, group=group)).fit(splits.train, splits.validation)


def read_record(folder: Path) -> RunRecord | None:
    """Return the record in a run's folder, None where there is none that can be read."""
    try:
        return from_json(RunRecord, json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def failed_record(spec: RunSpec, reason: str) -> RunRecord:
    """Make the record of a run that did not get to its end, and write it where there is room: a run without a record
    is tried again as one with a failed record is."""
    record = RunRecord(spec.key, "failed", reason, (spec.key.seed,), spec.fingerprint)
    with contextlib.suppress(OSError):
        Path(spec.folder).mkdir(parents=True, exist_ok=True)
        write_whole(Path(spec.folder) / RECORD, dumps(record))
    return record


def _begun(spec: RunSpec, progress: Progress) -> tuple[Splits, ArmContext]:
    """The rows of a run, and what its arm may know; all that is drawn follows from its seed from here on."""
    from lightune.arms.base import ArmContext

    splits = portion(read_splits(Path(spec.data)), spec.config, spec.key)
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
        scratch=Path(spec.folder),
        cache=Path(spec.cache),
        progress=progress,
        halvings=spec.halvings,
    )
    return splits, context


def _fit(context: ArmContext, splits: Splits, fingerprint: str) -> Fitted:
    """Fit the arm, going on from the checkpoints of a run of the same fingerprint that was cut off."""
    from lightune.arms import make_arm
    from lightune.arms.rate_search import rate_trials

    def say(note: str) -> None:
        context.progress("train", 0, 1, {NOTE: note})

    # How many rates are tried may follow from how many adapters there are, which is no part of a run's fingerprint.
    own = OwnCheckpoints(context.scratch, f"{fingerprint} {VERSION} {rate_trials(context.config)}", say)
    with own, joined() as group:
        return make_arm(replace(context, group=group)).fit(splits.train, splits.validation)
