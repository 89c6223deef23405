"""A study: which runs, when, where; what is done already; and what came of all of them."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lightune.arms import settled
from lightune.config import StudyConfig, config_to_yaml
from lightune.data import load_splits, save_rows
from lightune.disk import told_of_the_disk
from lightune.progress import NOTICE, Progress
from lightune.records import RunKey, RunRecord, Splits, StudyResult, dumps
from lightune.report import write_report
from lightune.runtime import environment
from lightune.study.collect import collect
from lightune.study.executors import Executor, in_worker
from lightune.study.fleets import Fleet, OneByOne
from lightune.study.folder import StudyFolder
from lightune.study.handover import write_splits
from lightune.study.identity import check_same_runs, check_same_study, run_fingerprint
from lightune.study.labelling import rank_for_labelling
from lightune.study.plan import PlannedRun, is_kept, plan_runs
from lightune.study.preflight import preflight
from lightune.study.runs import RunSpec
from lightune.whole import sweep, write_whole
from lightune.writer import only_writer


@dataclass(frozen=True)
class Event:
    """What a study tells while it runs. kind: `data`, `start`, `progress`, `done`, `failed`, `kept`, `evaluate` (phase:
    what is being worked out), `ranked` (phase: what came of --label-next), `notice` (phase: a sentence
    that people are to hear), `written`. title: what to call the run."""

    kind: str
    run: RunKey | None = None
    phase: str = ""
    done: int = 0
    total: int = 0
    facts: dict[str, Any] | None = None
    record: RunRecord | None = None
    splits: Splits | None = None
    title: str = ""


def run_study(
    config: StudyConfig,
    out: str | Path,
    on_event: Callable[[Event], None] | None = None,
    executor: Executor | Fleet = in_worker,
) -> StudyResult:
    """Run what is not done yet of `config` in the folder `out`, evaluate all, write results and report.

    The same call again resumes; more arms or seeds extend the study. Everything that can be wrong with the user's
    input is found before anything is written. Raises InputError, and MachineError for memory or room on a disk that is
    not there; a run that fails is recorded and does not stop the others. executor: does one run at a time, in turn, or
    is a fleet, which may do several at once.
    """
    folder = StudyFolder(Path(out).expanduser())
    with told_of_the_disk(folder.root):
        fleet = OneByOne(executor) if callable(executor) else executor
        return _run_study(config, folder, on_event or _ignore, fleet)


def _run_study(
    config: StudyConfig, folder: StudyFolder, on_event: Callable[[Event], None], fleet: Fleet
) -> StudyResult:
    config = check_same_study(folder, replace(config, arms=tuple(settled(arm) for arm in config.arms)))
    splits = load_splits(config.data)
    digest = preflight(config, splits)
    fingerprints = _fingerprints(config, splits, digest)
    done = check_same_runs(folder, fingerprints)
    said = fleet.check(folder, config, splits, [run for run in fingerprints if run.key not in done])
    on_event(Event("data", splits=splits))
    for sentence in said:
        on_event(Event(NOTICE, phase=sentence))
    folder.root.mkdir(parents=True, exist_ok=True)
    with writing_study(folder):
        # Another process may have worked here since the first look.
        config = check_same_study(folder, config)
        fingerprints = _fingerprints(config, splits, digest)
        done = check_same_runs(folder, fingerprints)
        sweep(folder.root)
        try:
            _prepare(folder, config, splits)
            specs = [
                _spec(folder, config, len(splits.train), run, fingerprint)
                for run, fingerprint in fingerprints.items()
                if run.key not in done
            ]
            for run in fingerprints:
                if run.key in done:
                    on_event(Event("kept", run.key, record=done[run.key], title=run.title))
            done |= _records(fleet, specs, {run.key: run.title for run in fingerprints}, on_event)
        finally:
            try:
                shutil.rmtree(folder.work, ignore_errors=True)
            finally:  # once more, where a signal came in the midst of it
                shutil.rmtree(folder.work, ignore_errors=True)
        records = [done[run.key] for run in fingerprints]
        result = collect(folder, records, splits, config, {**environment(), **fleet.facts()}, _said(on_event))
        texts = dict(zip(splits.test.row_ids, splits.test.texts, strict=True)) if config.keep_texts else {}
        write_whole(folder.results, dumps(result))
        write_report(result, texts, folder.root)
        if config.analysis.label_next is not None:
            on_event(Event("evaluate", phase="what to label next"))
            on_event(Event("ranked", phase=rank_for_labelling(folder, result, config, config.analysis.label_next)))
    on_event(Event("written"))
    return result


def _ignore(event: Event) -> None:
    """Tell nobody of `event`."""


def _fingerprints(config: StudyConfig, splits: Splits, digest: str | None) -> dict[PlannedRun, str]:
    return {
        run: run_fingerprint(config, run.arm, run.key, splits.facts.fingerprint, digest)
        for run in plan_runs(config, splits)
    }


def _prepare(folder: StudyFolder, config: StudyConfig, splits: Splits) -> None:
    write_whole(folder.config, config_to_yaml(config))
    write_splits(folder.work, splits)
    if config.keep_texts:
        folder.data.mkdir(exist_ok=True)
        for name, rows in splits.evaluated().items():
            save_rows(rows, folder.data / f"{name}.parquet")


def _spec(folder: StudyFolder, config: StudyConfig, rows: int, run: PlannedRun, fingerprint: str) -> RunSpec:
    key = run.key
    return RunSpec(
        config=config,
        arm=run.arm,
        key=key,
        fingerprint=fingerprint,
        data=str(folder.work.resolve()),
        folder=str(folder.run(key).resolve()),
        artifact=str(folder.artifact(key, config.seed).resolve()) if is_kept(run, config, rows) else None,
        cache=str(folder.cache.resolve()),
    )


def _records(
    fleet: Fleet, specs: list[RunSpec], titles: Mapping[RunKey, str], on_event: Callable[[Event], None]
) -> dict[RunKey, RunRecord]:
    def begin(spec: RunSpec) -> Progress:
        on_event(Event("start", spec.key, title=titles[spec.key]))
        return _forward(spec.key, titles[spec.key], on_event)

    found = {}
    # Closed at once where this is interrupted, not when the garbage is collected: runs are to save and leave.
    with contextlib.closing(fleet.records(specs, begin)) as records:
        for record in records:
            found[record.key] = record
            on_event(Event(record.status, record.key, record=record, title=titles[record.key]))
    return found


def _said(on_event: Callable[[Event], None]) -> Callable[[str], None]:
    return lambda phase: on_event(Event("evaluate", phase=phase))


def _forward(key: RunKey, title: str, on_event: Callable[[Event], None]) -> Progress:
    def progress(phase: str, done: int, total: int, facts: dict[str, Any]) -> None:
        if phase == NOTICE:
            on_event(Event(NOTICE, key, str(facts["said"]), title=title))
        else:
            on_event(Event("progress", key, phase, done, total, facts, title=title))

    return progress


@contextmanager
def writing_study(folder: StudyFolder) -> Iterator[None]:
    """Hold the folder's lock. Raises ConfigError, naming it, where another process does."""
    with only_writer(
        folder.lock,
        lambda who: f"--out {folder.root}: {who} is writing a study there. Wait for it, or name another folder.",
    ):
        yield
