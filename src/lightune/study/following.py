"""What the processes do that rank 0's study has beside it: take part in its trainings, and nothing else."""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightune.ranks import Meeting
from lightune.study.executors import LAST_WORDS, TERMINATED, stop_worker, worker_environment
from lightune.study.runs import spec_file

POLL_SECONDS = 0.1
# What a shared file system takes to show what another host has written: NFS remembers for 30 to 60 s that something was
# not there.
SEEN_SECONDS = 120.0
# What a worker takes to leave by itself once rank 0's has.
GRACE_SECONDS = 20.0


def follow(meeting: Meeting) -> int:
    """Take part in each run that rank 0 announces, until it says with which exit code to leave, which is returned.
    Writes nothing into the study's folder, and prints nothing. Raises MachineError where rank 0 has gone."""
    for number in itertools.count():
        said = _wait_for(meeting, number)
        answer: dict[str, Any] = {} if "leave" in said else _take_part(meeting, number, said)
        meeting.answer(number, answer)
        if "leave" in said:
            return int(said["leave"])
    raise AssertionError("there is always a next one")


def _wait_for(meeting: Meeting, number: int) -> dict[str, Any]:
    while (said := meeting.heard(number)) is None:
        time.sleep(POLL_SECONDS)
    return said


def _take_part(meeting: Meeting, number: int, said: dict[str, Any]) -> dict[str, Any]:
    """Run this rank's worker for the run. Returns why it did not come to its end; nothing where it did."""
    folder = Path(said["folder"])
    if not _is_seen(folder, said["spec"]):
        return {"unseen": str(folder.parent.parent)}
    # Into files: nobody reads a pipe before the end, and one that is full would hold the worker up.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as log, _spec_beside(said["spec"]) as spec:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lightune.worker", "--follow", str(spec)],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=log,
            env={**worker_environment(), **meeting.ranks.environment(number)},
        )
        with process:
            try:
                code = _wait_until_over(process, meeting, number)
            except BaseException:
                stop_worker(process)
                raise
            if code is None:
                return {}
        out.seek(0)
        words = _last_words(out.read())
        log.seek(0)
        return words or ({} if code == 0 else {"code": code, "said": _tail(log.read())})


def _is_seen(folder: Path, spec: str) -> bool:
    """Whether this host sees what rank 0 has written into the run's folder."""
    until = time.monotonic() + SEEN_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            if spec_file(folder).read_text(encoding="utf-8") == spec:
                return True
        time.sleep(POLL_SECONDS)
    return False


@contextmanager
def _spec_beside(spec: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lightune-") as folder:
        path = Path(folder) / "spec.json"
        path.write_text(spec, encoding="utf-8")
        yield path


def _wait_until_over(process: subprocess.Popen[bytes], meeting: Meeting, number: int) -> int | None:
    """What the worker left with; None where it did not, after rank 0's had, and was ended."""
    until = None
    while process.poll() is None:
        if until is None and meeting.is_closed(number):
            until = time.monotonic() + GRACE_SECONDS
        if until is not None and time.monotonic() > until:
            process.kill()  # it waits for one that has gone
            process.wait()
            return None
        time.sleep(POLL_SECONDS)
    return process.wait()


def _last_words(out: bytes) -> dict[str, str]:
    for line in reversed(out.decode("utf-8", "replace").splitlines()):
        with contextlib.suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict) and any(name in found for name in LAST_WORDS):
                return {name: str(value) for name, value in found.items()}
    return {}


def _tail(log: bytes) -> str:
    lines = log.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""


def was_ended(code: int) -> bool:
    """Whether a worker that left with `code` was ended by a signal."""
    return code < 0 or code == TERMINATED


def why(answer: dict[str, Any]) -> str:
    """What became of a rank that did not come to its end, in words that follow its name."""
    code = answer.get("code")
    if code is None:
        return "does not answer"
    if was_ended(code):
        code = -signal.SIGTERM if code == TERMINATED else code
        return f"was ended by signal {-code} ({signal.Signals(-code).name})"
    said = f": {answer['said']}" if answer.get("said") else ""
    return f"left with code {code}{said}"
