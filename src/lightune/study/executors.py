"""Where a run runs: in a process of its own, or in this one. Both give the same record."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Protocol

from lightune.errors import LightuneError
from lightune.progress import Progress
from lightune.records import RunRecord
from lightune.study.runs import RunSpec, execute_run, failed_record, read_record
from lightune.whole import write_whole

# A worker that is asked to stop has so long to save; this process has to leave within 10 s.
STOP_SECONDS = 8.0


# What a worker leaves with that was asked to stop.
TERMINATED = 143


class Executor(Protocol):
    """Does a run and returns its record, failed or done; never raises for what happens inside the run."""

    def __call__(self, spec: RunSpec, progress: Progress) -> RunRecord:
        """Do the run."""
        ...


def in_process(spec: RunSpec, progress: Progress) -> RunRecord:
    """Do the run here. Its peak memory is then this process's, not its own. Where something unforeseen was raised goes
    to standard error."""
    try:
        return execute_run(spec, progress)
    except LightuneError as error:
        return failed_record(spec, str(error))
    except Exception as error:
        # Whatever an arm or a library raises is the run's end, not the study's: it is recorded with its kind.
        traceback.print_exc()
        return failed_record(spec, f"{type(error).__name__}: {error}")


def in_worker(spec: RunSpec, progress: Progress) -> RunRecord:
    """Do the run in a new process: its peak memory is its own, and its crash is nobody else's.

    The worker's standard output is progress as JSON lines, its standard error goes to `worker.log` in the run's folder.
    Its standard input is a pipe that nobody writes to: when this process goes, the worker sees it close and goes too.
    """
    folder = Path(spec.folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "record.json").unlink(missing_ok=True)
    write_whole(folder / "spec.json", json.dumps(spec.to_json()))
    # -P: a user's datasets.py in the working directory must not take the library's place.
    command = [sys.executable, "-P", "-m", "lightune.worker", str(folder / "spec.json")]
    with (
        (folder / "worker.log").open("ab") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=worker_environment(),
            encoding="utf-8",
            errors="replace",
        ) as process,
    ):
        try:
            assert process.stdout is not None
            for line in process.stdout:
                _pass_on(line, progress)
            code = process.wait()
        except BaseException:
            _stop(process)
            raise
    record = read_record(folder)
    if code == 0 and record is not None:
        return record
    if record is not None and record.status == "failed":
        return record
    return failed_record(spec, _why(code, folder))


def _pass_on(line: str, progress: Progress) -> None:
    try:
        event = json.loads(line)
        told = event["phase"], event["done"], event["total"], event["facts"]
    except (ValueError, KeyError, TypeError):
        return  # something else that a library printed
    progress(*told)


def _stop(process: subprocess.Popen[str]) -> None:
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
    if code == -signal.SIGKILL:
        return (
            "The run's process was killed, most likely because the machine ran out of memory. "
            "Try a smaller --batch-size."
        )
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
