"""Where a run runs: in a process of its own, or in this one. Both give the same record."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any, Protocol

from lightune.disk import disk_fault
from lightune.errors import LightuneError, OutOfMemory
from lightune.progress import Progress
from lightune.records import RunRecord
from lightune.runtime import out_of_memory
from lightune.study.less_memory import with_less_memory
from lightune.study.runs import RunSpec, execute_run, failed_record, read_record, spec_file, spec_text
from lightune.whole import write_whole

# A worker that is asked to stop has so long to save; this process has to leave within 10 s.
STOP_SECONDS = 8.0
# How long an exception that another thread raises in this one may have to wait.
WAKE_SECONDS = 0.5
# What a worker leaves with that was asked to stop.
TERMINATED = 143
# The key of the last line of a worker that failed: there may be no room for a record.
LAST_WORDS = OUT_OF_MEMORY, FAILED = "out_of_memory", "failed"


class Executor(Protocol):
    """Does a run and returns its record, failed or done; never raises for what happens inside the run."""

    def __call__(self, spec: RunSpec, progress: Progress) -> RunRecord:
        """Do the run."""
        ...


def in_process(spec: RunSpec, progress: Progress) -> RunRecord:
    """Do the run here. Its peak memory is then this process's, not its own. Where something unforeseen was raised goes
    to standard error."""
    return with_less_memory(spec, progress, attempt)


def attempt(spec: RunSpec, progress: Progress) -> RunRecord:
    """Do the run here once. Raises OutOfMemory."""
    try:
        return execute_run(spec, progress)
    except LightuneError as error:
        return failed_record(spec, str(error))
    except Exception as error:
        full = disk_fault(error, Path(spec.folder))
        if full is not None:
            return failed_record(spec, full)
        with contextlib.suppress(OSError):  # the log may lie on a disk that takes no more
            traceback.print_exc()
        said = f"{type(error).__name__}: {error}"
        if not out_of_memory(error):
            # Whatever an arm or a library raises is the run's end, not the study's: it is recorded with its kind.
            return failed_record(spec, said)
    # Out here the error, and with it all that its frames held, is gone.
    raise OutOfMemory(f"The run ran out of memory ({said.splitlines()[0]}).")


def in_worker(spec: RunSpec, progress: Progress) -> RunRecord:
    """Do the run in a new process: its peak memory is its own, and its crash is nobody else's.

    The worker's standard output is progress as JSON lines, its standard error goes to `worker.log` in the run's folder.
    Its standard input is a pipe that nobody writes to: when this process goes, the worker sees it close and goes too.
    """
    return with_less_memory(spec, progress, attempt_in_worker)


def attempt_in_worker(
    spec: RunSpec,
    progress: Progress,
    environment: Mapping[str, str] | None = None,
    meanwhile: Callable[[subprocess.Popen[str]], AbstractContextManager[None]] = lambda _: nullcontext(),
    killed_for_memory: bool = True,
) -> RunRecord:
    """Do the run in a new process once. environment: variables for it beside this process's. meanwhile: is entered
    while it is at it. killed_for_memory: a SIGKILL is taken for the system's want of memory. Raises OutOfMemory."""
    folder = Path(spec.folder)
    begin_folder(spec)
    log_file = folder / "worker.log"
    began = log_file.stat().st_size if log_file.exists() else 0
    # -P: a user's datasets.py in the working directory must not take the library's place.
    command = [sys.executable, "-P", "-m", "lightune.worker", str(spec_file(folder))]
    with (
        log_file.open("ab") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**worker_environment(), **(environment or {})},
            encoding="utf-8",
            errors="replace",
        ) as process,
        meanwhile(process),
    ):
        last: dict[str, str] = {}
        try:
            assert process.stdout is not None
            for line in _lines(process.stdout):
                last = _pass_on(line, progress) or last
            code = process.wait()
        except BaseException:
            stop_worker(process)
            raise
    record = read_record(folder)
    if record is not None and record.status == "done":
        return record  # what came of the process afterwards is of no matter
    if OUT_OF_MEMORY in last:
        raise OutOfMemory(last[OUT_OF_MEMORY])
    if killed_for_memory and _killed_for_memory(code, folder, began):
        raise OutOfMemory("The run's process was killed, most likely because the machine ran out of memory.")
    return record or failed_record(spec, last.get(FAILED) or _why(code, folder))


def begin_folder(spec: RunSpec) -> None:
    """Have the run's folder with its spec in it, and no record of an earlier try."""
    folder = Path(spec.folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "record.json").unlink(missing_ok=True)
    write_whole(spec_file(folder), spec_text(spec))


def _lines(stream: IO[str]) -> Iterator[str]:
    """The lines of `stream`, as they come. Whoever waits for them comes back to Python now and then, so that what
    another thread raises in this one (Ray does, where a task is cancelled) gets through."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        with contextlib.suppress(ValueError):  # closed, since nobody waits for them any more
            for line in stream:
                lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        with contextlib.suppress(queue.Empty):
            line = lines.get(timeout=WAKE_SECONDS)
            if line is None:
                return
            yield line


def _pass_on(line: str, progress: Progress) -> dict[str, str] | None:
    """Pass progress on. Returns the last words of a worker that failed."""
    try:
        event = json.loads(line)
        if OUT_OF_MEMORY in event or FAILED in event:
            return {name: str(said) for name, said in event.items()}
        told = event["phase"], event["done"], event["total"], event["facts"]
    except (ValueError, KeyError, TypeError):
        return None  # something else that a library printed
    progress(*told)
    return None


def _killed_for_memory(code: int, folder: Path, began: int) -> bool:
    """Whether a worker that left with `code` was ended by the system, or by its allocator, for want of memory. began:
    where its part of the log begins. Nobody here sends SIGKILL to one whose end is waited for."""
    if code == -signal.SIGKILL:
        return True
    return code == -signal.SIGABRT and b"bad_alloc" in (folder / "worker.log").read_bytes()[began:]


def stop_worker(process: subprocess.Popen[Any]) -> None:
    """Have the worker save and leave; end it where it takes too long, or where this process is asked once more."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except BaseException as error:
        process.kill()
        process.wait()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise


def _why(code: int, folder: Path) -> str:
    log = folder / "worker.log"
    if code == TERMINATED:
        code = -signal.SIGTERM
    if code < 0:
        return f"The run's process was ended by signal {-code} ({signal.Signals(-code).name})."
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    said = f": {lines[-1]}" if lines else "."
    return f"The run's process left with code {code}{said} (all of it: runs/{folder.name}/worker.log)"


def worker_environment() -> dict[str, str]:
    """This process's environment variables, and a tokenizer that may use every core unless they say otherwise."""
    return {**os.environ, "TOKENIZERS_PARALLELISM": os.environ.get("TOKENIZERS_PARALLELISM", "true")}
