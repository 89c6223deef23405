"""Folders of Parquet labelled, part by part, by one process or by many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from lightune.compute import MERGE_TEXTS, Choices, choosing, onednn_pays
from lightune.errors import ConfigError, InputError
from lightune.inference.folders.labelling import Job, Labeller, saved_digests, versions
from lightune.inference.folders.output import Counts, OutputFolder
from lightune.inference.folders.place import Place
from lightune.inference.folders.plan import Plan, Unit, look_at
from lightune.inference.folders.request import FolderRequest
from lightune.progress import NOTICE, Progress, silent

LABEL = "label"


class OnUnit(Protocol):
    """Hears what is done: so many `rows` of `unit` are answered, fewer than before where a worker died of it, or
    (`kept`) its part is written, whole."""

    def __call__(self, unit: Unit, rows: int, *, kept: bool) -> None:
        """Tell of it."""
        ...


# Labels units of a job, in any order. Raises LightuneError.
Engine = Callable[[Job, Sequence[Unit], OnUnit], None]


def predict_folder(request: FolderRequest, progress: Progress = silent, engine: Engine | None = None) -> Counts:
    """Label each row of a folder of Parquet and write it with its answers, a file or several for each of the input's;
    returns the counts of rows and files.

    All columns stay, and the order of rows within a file: the parts of a file, by their names. engine: what labels the
    units; this process without it. progress hears of `check` (files looked at), `label` (rows; facts `before`: those
    of an earlier run, `kept`: those that no interruption takes back) and notices. Raises InputError before anything is
    answered, and for a row that cannot be read when it comes there; RunError where rows would be lost.
    """
    source, target = request.places()
    if engine is not None and (source.of_one_process or target.of_one_process):
        raise ConfigError("--engine: a place in memory is seen by one process alone; name a folder or an object store.")
    plan = look_at(source, request.text_column, request.unit, progress)
    if plan.passed_over:
        progress(NOTICE, 0, 0, {"said": _passed_over(source, plan.passed_over)})
    job = _job(request, source, target, plan)
    output = OutputFolder(target)
    with output.held():
        left = output.begin(job.identity, plan, request.resume)
        on_unit = _telling(plan, left, progress)
        if left:
            with _undone(output, plan, left):
                (engine or label_here)(job, list(left.values()), on_unit)
        return output.finish(job.digest, plan)


def label_here(job: Job, units: Sequence[Unit], on_unit: OnUnit) -> None:
    """Label units in this process, one after the other."""
    import torch

    with choosing(Choices(torch.get_num_threads(), onednn_pays())):
        labeller = Labeller(job)
        for unit in units:
            labeller.label(unit, lambda rows, unit=unit: on_unit(unit, rows, kept=False))  # type: ignore[misc]
            on_unit(unit, unit.rows, kept=True)


@dataclass
class _Told:
    """Rows that are done: of parts that are written, and of units that are at work."""

    kept: int
    at_work: dict[str, int]


def _telling(plan: Plan, left: Mapping[str, Unit], progress: Progress) -> OnUnit:
    before = plan.rows - sum(unit.rows for unit in left.values())
    told = _Told(before, {})
    progress(LABEL, before, plan.rows, {"before": before})

    def on_unit(unit: Unit, rows: int, *, kept: bool) -> None:
        facts: dict[str, Any] = {}
        if kept:
            told.at_work.pop(unit.target, None)
            told.kept += unit.rows
            facts["kept"] = told.kept
        else:
            told.at_work[unit.target] = rows
        progress(LABEL, told.kept + sum(told.at_work.values()), plan.rows, facts)

    return on_unit


@contextmanager
def _undone(output: OutputFolder, plan: Plan, left: Mapping[str, Unit]) -> Iterator[None]:
    """Leave no record of a job that is refused before it has done anything."""
    try:
        yield
    except InputError:
        with suppress(Exception):  # the place itself may be what is wrong, and a record without a part binds nobody
            if len(left) == len(plan.units) and not any(name in left for name in output.place.files()):
                output.forget()
        raise


def _job(request: FolderRequest, source: Place, target: Place, plan: Plan) -> Job:
    wanted = request.wanted
    arms = {prefix: folder.resolve() for prefix, folder in request.arms.items()}
    identity = {
        "the content of the input": plan.digest,
        "--arm": list(arms),
        "--text-column": plan.text_column,
        "--top-k": wanted.top_k,
        "--no-probabilities": not wanted.probabilities,
        "--abstain-below": wanted.abstain_below,
        "--calibrated": wanted.calibrated,
        "the size of a window": [request.cut.rows, request.cut.size],
        "the size of a part": [request.unit.rows, request.unit.size],
        **saved_digests(arms),
        **versions(),
    }
    return Job(arms, source, target, plan.text_column, wanted, request.cut, plan.rows >= MERGE_TEXTS, identity)


def _passed_over(source: Place, names: Sequence[str]) -> str:
    more = f" and {len(names) - 1:,} more files" if len(names) > 1 else ""
    return f"{source.name}: passed over, since it is no Parquet: {names[0]}{more}."
