"""A process that trains trials: `python -m lightune.search.worker FOLDER`. Not for people.

It reads work from standard input, a line of JSON each, and writes what came of it to standard output. When its standard
input closes, because whoever started it is gone or has no more work, it leaves.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lightune.signals import Terminated, leave, stoppable

# What it leaves with when it was asked to stop.
TERMINATED = 143


def main(argv: list[str]) -> int:
    """Train what is asked for until there is no more of it. Returns 0, 1 where it could not begin, or 143 where SIGTERM
    asked it to stop; it has saved by then what the trial goes on from."""
    asked: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(asked,), daemon=True).start()
    try:
        with stoppable():
            return _run(Path(argv[0]), asked)
    except Terminated:
        return TERMINATED


def _run(folder: Path, asked: queue.Queue[str | None]) -> int:
    from lightune.errors import LightuneError, MachineError
    from lightune.models import quiet_transformers
    from lightune.progress import silent
    from lightune.search.crew import FACTS, FAULT, OUTCOME
    from lightune.search.spec import taken_over, work_of

    with quiet_transformers():
        try:
            trainings = taken_over(folder, silent)
            _say(FACTS, asdict(trainings.facts))
            while (line := asked.get()) is not None:
                _say(OUTCOME, asdict(trainings.attempt(work_of(json.loads(line)))))
        except MachineError as error:
            _say(FAULT, str(error))
            return 1
        except LightuneError as error:
            print(error, file=sys.stderr)  # noqa: T201
            return 1
    return 0


def _say(kind: str, value: Any) -> None:
    print(json.dumps({kind: value}), flush=True)  # noqa: T201


def _read(asked: queue.Queue[str | None]) -> None:
    """Pass on what is asked for. At its end leave at once: whoever asked is gone, or has what it wanted."""
    with contextlib.suppress(OSError, ValueError):
        for line in sys.stdin:
            asked.put(line)
    os._exit(0)


if __name__ == "__main__":
    left_with = main(sys.argv[1:])
    if left_with == TERMINATED:
        leave(left_with)  # whoever started it waits, and has seconds
    sys.exit(left_with)
