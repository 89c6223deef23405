"""Work in forked children of a warm process, so that what they import is there already. Who forks must not compute."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightune import fresh


class ForkedCalls:
    """Stands in for `fresh.FreshProcesses` in a warm child: each call is a fork, which has everything imported."""

    running = True

    def call(self, task: str, **arguments: Any) -> Any:
        """Call `module:function` in a child."""
        with tempfile.TemporaryDirectory() as folder:
            answer = Path(folder) / "answer.json"
            job = {"task": task, "arguments": arguments, "answer": str(answer), "path": sys.path}
            ended(forked(lambda: fresh._answer(job), answer.with_name("why")))
            return json.loads(answer.read_text(encoding="utf-8"))["value"]

    def close(self) -> None:
        """Nothing is left to end."""


def forked(work: Callable[[], object], why: Path) -> int:
    """Do `work` in a child and return its number; the child ends with 0, or with 1 and a traceback in `why`."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        fresh._shared = ForkedCalls()  # type: ignore[assignment]
        work()
        code = 0
    except BaseException:
        why.write_text(traceback.format_exc(), encoding="utf-8")
    finally:
        os._exit(code)


def ended(child: int, kill_after: float | None = None) -> int:
    """Wait for a child; returns its exit code, -9 where it was killed after so many seconds."""
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)  # it has not been waited for, so that its number is its own still
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def told(work: Callable[[], Any], folder: Path) -> Any:
    """Do `work` in a child, and return what it returned, which must be plain JSON."""
    answer, why = folder / "told.json", folder / "why.txt"
    answer.unlink(missing_ok=True)
    if ended(forked(lambda: answer.write_text(json.dumps(work()), encoding="utf-8"), why)):
        raise RuntimeError(why.read_text(encoding="utf-8"))
    return json.loads(answer.read_text(encoding="utf-8"))
