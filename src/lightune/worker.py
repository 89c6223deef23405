"""The process a run runs in: `python -m lightune.worker SPEC.json`. Not for people."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from lightune.signals import Terminated, leave, stoppable

# A bar that moves ten times a second is enough.
QUIET_SECONDS = 0.1
# How long the process of an earlier try may take to go: one that is cut off from its cluster needs a minute to notice,
# and a shared file system one and a half to give back its lock.
ORPHAN_SECONDS = 180.0
# What it leaves with when it was asked to stop.
TERMINATED = 143


def main(argv: list[str]) -> int:
    """Run the spec in `argv[0]`; progress goes to standard output as JSON lines. Returns 0, 1 for a failed run, or 143
    where SIGTERM asked it to stop; it has saved by then what it goes on from.

    `--rehearse SPEC ANSWER` tries an arm on a few rows instead, and writes what that took. `--follow SPEC` does another
    process's share of a training, and writes nothing.
    """
    if argv[0] == "--rehearse":
        from lightune.study.estimating.rehearsal import main as rehearse

        threading.Thread(target=_leave_with_parent, daemon=True).start()
        return rehearse(*argv[1:])
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    try:
        with stoppable():
            return _follow(Path(argv[1])) if argv[0] == "--follow" else _run(Path(argv[0]))
    except Terminated:
        return TERMINATED


def _run(asked: Path) -> int:
    from filelock import FileLock, Timeout

    from lightune.errors import OutOfMemory
    from lightune.models import quiet_transformers
    from lightune.study.executors import FAILED, OUT_OF_MEMORY, attempt
    from lightune.study.runs import failed_record, read_record, spec_from_json

    spec = spec_from_json(json.loads(asked.read_text(encoding="utf-8")))
    try:
        # The worker of a study that was killed goes a moment later than the study, and may be writing until then.
        with FileLock(Path(spec.folder) / ".lock", timeout=ORPHAN_SECONDS), quiet_transformers():
            # Whoever started this took an earlier record away: one that is there now is of the process waited for.
            kept = read_record(Path(spec.folder))
            done = kept is not None and kept.status == "done" and kept.fingerprint == spec.fingerprint
            record = kept if kept is not None and done else attempt(spec, Reporter())
        last = {} if record.status == "done" else {FAILED: record.reason}
    except OutOfMemory as error:
        last = {OUT_OF_MEMORY: str(error)}
    except Timeout:
        reason = f"A process of an earlier study is still at it. End it: it holds {spec.folder}/.lock."
        last = {FAILED: failed_record(spec, reason).reason}
    return _left(last)


def _follow(asked: Path) -> int:
    from lightune.errors import Diverged, LightuneError
    from lightune.models import quiet_transformers
    from lightune.runtime import out_of_memory
    from lightune.study.executors import FAILED, OUT_OF_MEMORY
    from lightune.study.runs import follow_run, spec_from_json

    try:
        with quiet_transformers():
            follow_run(spec_from_json(json.loads(asked.read_text(encoding="utf-8"))))
    except Diverged:
        return 0  # all processes have, and the first one says so, once it has saved what it was at its best
    except LightuneError as error:
        return _left({FAILED: str(error)})
    except Exception as error:
        if not out_of_memory(error):
            raise
        return _left({OUT_OF_MEMORY: f"Another process of the run ran out of memory ({str(error).splitlines()[0]})."})
    return 0


def _left(last: dict[str, Any]) -> int:
    """The exit code, once the last words of a failed run are said."""
    if last:
        print(json.dumps(last), flush=True)  # noqa: T201
    return 1 if last else 0


class Reporter:
    """Writes progress as JSON lines, not more often than can be seen, but each fact and each end of a phase."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, phase: str, done: int, total: int, facts: dict[str, Any]) -> None:
        now = time.monotonic()
        if not facts and done < total and now - self._last < QUIET_SECONDS:
            return
        self._last = now
        print(json.dumps({"phase": phase, "done": done, "total": total, "facts": facts}), flush=True)  # noqa: T201


def _leave_with_parent() -> None:
    """End this process when the one that started it is gone, or has asked for it by closing the pipe."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    # All is written, and the study waits; of a process group whose others have gone, torch may never let go.
    leave(main(sys.argv[1:]))
