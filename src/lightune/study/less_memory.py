"""A run that was out of memory goes on from its last checkpoint with micro-batches of half the size."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lightune.errors import OutOfMemory
from lightune.progress import NOTICE, Progress
from lightune.records import RunRecord
from lightune.study.checkpoints import CHECKPOINTS
from lightune.study.runs import RunSpec, failed_record

# Micro-batches of a sixteenth: what then still does not fit, does not fit.
MOST_HALVINGS = 4
TO_TRY = "Try a smaller --model, a smaller --max-length, --top-blocks, or a machine with more memory that is free."


def with_less_memory(spec: RunSpec, progress: Progress, attempt: Callable[[RunSpec, Progress], RunRecord]) -> RunRecord:
    """Attempt the run. While it raises OutOfMemory in a training, attempt it again with half the micro-batch, up to
    MOST_HALVINGS times in all, and tell `progress`; then its record is a failed one."""
    while True:
        try:
            return attempt(spec, progress)
        except OutOfMemory as error:
            said = str(error)
        smaller = halved(spec, said, progress)
        if isinstance(smaller, RunRecord):
            return smaller
        spec = smaller
        gc.collect()  # a model of this process's own may be held by a ring of references


def halved(spec: RunSpec, said: str, progress: Progress) -> RunSpec | RunRecord:
    """The run that was out of memory, as `said` says in a sentence, with half the micro-batch, of which `progress`
    hears; its failed record where it was not in training, or has been halved MOST_HALVINGS times."""
    before = _halvings(Path(spec.folder) / CHECKPOINTS)
    if before is None:
        return failed_record(spec, f"{said} {TO_TRY}")
    halvings = max(before, spec.halvings) + 1
    if halvings > MOST_HALVINGS:
        tried = f"Micro-batches were halved {MOST_HALVINGS} times, which was not enough."
        return failed_record(spec, f"{said} {tried} {TO_TRY}")
    how = "It goes on from its last checkpoint with half the micro-batch, and the same rows in each step"
    progress(NOTICE, halvings, MOST_HALVINGS, {"said": f"{said} {how} ({halvings} of {MOST_HALVINGS} times)."})
    return replace(spec, halvings=halvings)


def in_training(spec: RunSpec) -> bool:
    """Whether the run's last try was cut off in a training, so that a smaller micro-batch may help."""
    return _halvings(Path(spec.folder) / CHECKPOINTS) is not None


def _halvings(checkpoints: Path) -> int | None:
    """How often the micro-batches of the training that was cut off last had been halved; None where nothing was in
    training: before it and after it no micro-batch is of any matter."""
    from lightune.training import PLAN

    # One beside the checkpoints stands there for as long as the training does; each checkpoint has its own inside.
    plans = [path for path in checkpoints.rglob(PLAN) if "checkpoint-" not in path.parent.name]
    try:
        return int(json.loads(max(plans, key=lambda path: path.stat().st_mtime_ns).read_text()).get("halvings", 0))
    except (OSError, ValueError):
        return None
