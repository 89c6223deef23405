"""The process a run runs in: `python -m lightune.worker SPEC.json`. Not for people."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

# A bar that moves ten times a second is enough.
QUIET_SECONDS = 0.1


def main(argv: list[str]) -> int:
    """Run the spec in `argv[0]`; progress goes to standard output as JSON lines. Returns 0, or 1 for a failed run.

    `--rehearse SPEC ANSWER` tries an arm on a few rows instead, and writes what that took.
    """
    from lightune.errors import OutOfMemory
    from lightune.models import quiet_transformers
    from lightune.study.executors import FAILED, OUT_OF_MEMORY, attempt
    from lightune.study.runs import spec_from_json

    if argv[0] == "--rehearse":
        from lightune.study.estimating.rehearsal import main as rehearse

        threading.Thread(target=_leave_with_parent, daemon=True).start()
        return rehearse(*argv[1:])
    spec = spec_from_json(json.loads(Path(argv[0]).read_text(encoding="utf-8")))
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    try:
        with quiet_transformers():
            record = attempt(spec, Reporter())
        last = {} if record.status == "done" else {FAILED: record.reason}
    except OutOfMemory as error:
        last = {OUT_OF_MEMORY: str(error)}
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
    sys.exit(main(sys.argv[1:]))
