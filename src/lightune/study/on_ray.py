"""The runs of a study as tasks on a Ray cluster, several at once; what dies there is tried again elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import get_ident
from types import ModuleType
from typing import Any
from uuid import uuid4

from filelock import FileLock, Timeout

from lightune.arms import arm_kind
from lightune.clusters import Ended, Needs, Task, Tasks, cpus_each, each_node, nodes
from lightune.config import StudyConfig
from lightune.disk import disk_fault
from lightune.errors import ConfigError
from lightune.progress import NOTICE, Progress
from lightune.records import BESIDE, RunRecord, Splits, dumps
from lightune.study import on_node
from lightune.study.fleets import Begin
from lightune.study.folder import StudyFolder
from lightune.study.less_memory import halved, in_training
from lightune.study.plan import PlannedRun, plan_runs
from lightune.study.resources import check_disk, run_bytes
from lightune.study.runs import RECORD, RunSpec, failed_record, read_record
from lightune.version import VERSION
from lightune.whole import write_whole

# How often a run whose process or node dies is begun in all.
TRIES = 3
# A step of the loop; what is heard then is shown.
STEP_SECONDS = 0.25
# For runs to save in when the study is stopped; this process has to be gone within 10 s.
STOP_SECONDS = 7.5
# For a node to say what it sees: its first process has to load.
LOOK_SECONDS = 120.0
# No check takes so long, whatever the machines' clocks say.
STALE_SECONDS = 3600.0
HOW_BESIDE = (
    f"{BESIDE} on the same machine, with {{cpus}} of its own: its seconds do not compare with those of a run that had "
    "the machine to itself."
)


class RayFleet:
    """Does runs as tasks of the cluster that `ray` is connected to (`lightune.clusters.connected`).

    cpus: for each run; None: as many as let all runs go at once, at least 1. gpus: for each run that needs a model;
    None: one where the cluster has any. Memory is asked for by `run_bytes`.
    """

    def __init__(self, ray: ModuleType, cpus: int | None = None, gpus: float | None = None) -> None:
        if cpus is not None and cpus < 1:
            raise ConfigError(f"--cpus-per-run: at least 1 is expected, got {cpus}.")
        if gpus is not None and not 0 <= gpus <= 1:
            raise ConfigError(f"--gpus-per-run: a run computes on one GPU: 0 to 1 are expected, got {gpus:g}.")
        self._ray, self._cpus, self._gpus = ray, cpus, gpus
        self._needs: dict[str, Needs] = {}

    def check(
        self, folder: StudyFolder, config: StudyConfig, splits: Splits, runs: Sequence[PlannedRun]
    ) -> Sequence[str]:
        """Raise ConfigError for a run that no node of the cluster has room for, and for a node that does not see the
        study's files as this machine does."""
        check_disk(folder, config, splits, runs)
        # Of all arms: what is done now may be wanting once the folder's lock is held.
        planned = plan_runs(config, splits)
        self._needs = self._needed(config, splits, [run.arm for run in planned], len(runs or planned))
        if runs:
            self._check_room(runs)
            self._check_sight(folder, config)
        return ()

    def records(self, specs: Sequence[RunSpec], begin: Begin) -> Generator[RunRecord]:
        """Do the runs as tasks."""
        if not specs:
            return
        most = max(self._needs.values(), key=lambda needs: (needs.gpus, needs.memory))
        with closing(Tasks(self._ray)) as tasks:
            under_way = _UnderWay(tasks, begin)
            for spec in specs:
                # Another process may have put an arm into the folder since the check.
                under_way.submit(spec, self._needs.get(spec.arm, most))
            try:
                while len(tasks):
                    yield from under_way.step()
            finally:
                tasks.stop(STOP_SECONDS)

    def facts(self) -> Mapping[str, Any]:
        """The size of the cluster."""
        there = nodes(self._ray)
        cpus, gpus = sum(node.cpus for node in there), sum(node.gpus for node in there)
        cluster = {"nodes": len(there), "cpus": cpus, "gpus": gpus}
        return {"executor": "ray", "cluster": cluster}

    def _needed(self, config: StudyConfig, splits: Splits, arms: Sequence[str], runs: int) -> dict[str, Needs]:
        """By arm, where so many runs go at once."""
        there = nodes(self._ray)
        gpus = self._gpus
        if gpus is None:
            gpus = float(any(node.gpus >= 1 for node in there))
        found = {}
        for arm in dict.fromkeys(arms):
            own = gpus if arm_kind(arm).needs_model else 0.0
            memory = run_bytes(config, splits, arm, on_gpu=own > 0)
            found[arm] = Needs(self._cpus or cpus_each(there, runs, own), own, memory)
        return found

    def _check_room(self, runs: Sequence[PlannedRun]) -> None:
        there = nodes(self._ray)
        for arm in dict.fromkeys(run.arm for run in runs):
            needs = self._needs[arm]
            if not any(node.holds(needs) for node in there):
                has = "; ".join(map(str, there)) or "none that takes tasks"
                raise ConfigError(
                    f"--executor ray: a run of {arm} asks for {needs}, and no node of the cluster has that ({has}). "
                    "Take less by --cpus-per-run and --gpus-per-run, a smaller --model, or a larger node."
                )

    def _check_sight(self, folder: StudyFolder, config: StudyConfig) -> None:
        with _token(folder.root) as (token, content, lock):
            asked = on_node.Look(str(token), content, str(lock), tuple(_files(config)))
            found = each_node(self._ray, on_node.look, asked, seconds=LOOK_SECONDS)
        for node, wrong, silent in found:
            if silent is not None:
                raise ConfigError(
                    f"--executor ray: the cluster's node {node.name} {silent}. Is lightune {VERSION} installed there?"
                )
            if wrong is not None:
                what, _, expected = wrong.rpartition(": ")
                raise ConfigError(f"--executor ray: the cluster's node {node.name} {what}; {expected} is expected.")


@dataclass
class _Run:
    """A run under way. progress: None until it has begun. alone: no other run was on its node while it ran."""

    spec: RunSpec
    needs: Needs
    progress: Progress | None = None
    alone: bool = True


@dataclass
class _UnderWay:
    """The runs that are tasks now."""

    tasks: Tasks
    begin: Begin
    home: on_node.Surroundings = field(default_factory=on_node.Surroundings)
    runs: dict[Task, _Run] = field(default_factory=dict)

    def submit(self, spec: RunSpec, needs: Needs) -> None:
        self._submit(_Run(spec, needs), 0, None)

    def step(self) -> Iterator[RunRecord]:
        """Pass on what is heard, and give the records of runs that have come to their end."""
        heard, ended = self.tasks.step(STEP_SECONDS)
        for task, said in heard:
            run = self.runs[task]
            if said is None:
                self._began(run)
                self._see_neighbours(task)
            else:
                self._began(run)(*said)
        for one in ended:
            run = self.runs.pop(one.task)
            record = self._record(run, one)
            if record is not None:
                self._began(run)
                yield record if run.alone else _beside(run, record)

    def _submit(self, run: _Run, attempt: int, avoid: str | None) -> None:
        arguments = (run.spec, run.needs, self.home)
        task = Task(run.spec.key.name, on_node.run, arguments, run.needs, attempt, avoid)
        self.runs[task] = run
        self.tasks.submit(task)

    def _began(self, run: _Run) -> Progress:
        if run.progress is None:
            run.progress = self.begin(run.spec)
        return run.progress

    def _see_neighbours(self, new: Task) -> None:
        where = self.tasks.places.get(new)
        others = [run for task, run in self.runs.items() if task is not new and self.tasks.places.get(task) == where]
        for run in (*others, self.runs[new]) if others else ():
            run.alone = False

    def _record(self, run: _Run, ended: Ended) -> RunRecord | None:
        """What came of a run, or None: it is under way once more."""
        if isinstance(ended.value, RunRecord):
            return ended.value
        kept = read_record(Path(run.spec.folder))
        if kept is not None and kept.status == "done" and kept.fingerprint == run.spec.fingerprint:
            return kept  # its process died after it was done
        if ended.lost is None and not isinstance(ended.fault, on_node.Unseen):
            return failed_record(run.spec, _fault(ended.fault, Path(run.spec.folder)))
        return self._again(run, ended)

    def _again(self, run: _Run, ended: Ended) -> RunRecord | None:
        why, tries = ended.lost or str(ended.fault), ended.task.attempt + 1
        if tries == TRIES:
            return failed_record(
                run.spec, f"Its process on the cluster was lost {TRIES} times, the last time so: {why}"
            )
        progress = self._began(run)
        # Before and after a training no micro-batch is of any matter: another node may have more room.
        if ended.memory and in_training(run.spec):
            smaller = halved(
                run.spec, "The cluster ended the run's process since its node ran out of memory.", progress
            )
            if isinstance(smaller, RunRecord):
                return smaller
            run.spec = smaller
        else:
            said = f"Its process on the cluster was lost ({why}). It is tried again ({tries + 1} of {TRIES} times)."
            progress(NOTICE, tries, TRIES, {"said": said})
        self._submit(run, tries, self.tasks.places.get(ended.task))
        return None


def _fault(error: Exception | None, folder: Path) -> str:
    if error is None:
        return "The task on the cluster returned something that is no record."
    full = disk_fault(error, folder)
    return full or f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"


def _beside(run: _Run, record: RunRecord) -> RunRecord:
    """The record with a note that its seconds are not its alone."""
    if record.status != "done":
        return record
    count = max(int(run.needs.cpus), 1)
    said = HOW_BESIDE.format(cpus=f"{count} CPU{'' if count == 1 else 's'}")
    noted = replace(record, notes=(*record.notes, said))
    write_whole(Path(run.spec.folder) / RECORD, dumps(noted))
    return noted


def _files(config: StudyConfig) -> Iterator[str]:
    """What runs read beside the study's folder: the model, predictions."""
    source = Path(config.model.source).expanduser()
    if config.model.source != "embedded" and source.exists() and any(arm_kind(a).needs_model for a in config.arms):
        yield str(source.absolute())
    for arm in config.arms:
        file = arm_kind(arm).file
        if file is not None:
            yield str(file.expanduser().absolute())


@contextmanager
def _token(root: Path) -> Iterator[tuple[Path, str, Path]]:
    """A file for nodes to find in `root`, or above where that is not there yet; what stands in it; and a lock beside it
    that is held. Gone afterwards; if this process is killed, a later check here removes them."""
    root = root.absolute()
    above = next(path for path in (root, *root.parents) if path.is_dir()).resolve()
    _sweep(above)
    names = [
        above / f".cluster-{uuid4().hex[:8]}.{end}.{os.getpid()}.{get_ident()}.partial" for end in ("token", "lock")
    ]
    content = f"{uuid4().hex} lightune {VERSION}"
    try:
        names[0].write_text(content, encoding="utf-8")
        with FileLock(names[1], timeout=0):
            yield names[0], content, names[1]
    except (Timeout, NotImplementedError) as error:  # nobody else knows its name; filelock, where there is no flock
        raise ConfigError(
            f"--out {root}: files cannot be locked there, which runs on a cluster need. Name a folder on a file system "
            "with locks (flock)."
        ) from error
    finally:
        for name in names:
            name.unlink(missing_ok=True)


def _sweep(above: Path) -> None:
    """Remove what checks that were killed have left. Another machine's may be under way here, of whose processes
    nothing is known: those go that are too old for that."""
    for path in above.glob(".cluster-*.partial"):
        with suppress(OSError):  # another one may remove it too
            if time.time() - path.stat().st_mtime > STALE_SECONDS:
                path.unlink()
