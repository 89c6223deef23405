"""A side in a process of its own, which does a turn when it is told to and otherwise waits."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.common.surroundings import ROOT

SERVE = "benchmarks.common.serve"
TAIL = 8000
# Seconds that a side is given to end by itself.
PATIENCE = 10


class SideFailed(Exception):
    """A side that ended or said what it should not have; the message has the end of what it wrote."""


class Worker:
    """Start `side` (a module below benchmarks/sides) with `spec`, and have it do turns.

    Lines of JSON go in ({"go": true}) and come out ({"seconds": ...}); all else that it prints goes to `log`.
    """

    def __init__(
        self, side: str, spec: Mapping[str, Any], env: Mapping[str, str], log: Path, python: str = sys.executable
    ) -> None:
        self.side = side
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._started = time.perf_counter()
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [python, "-m", SERVE, side],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                env=dict(env),
                cwd=ROOT,
                text=True,
            )
        self._send(spec)
        self.facts = self._receive()
        self.setup_seconds = time.perf_counter() - self._started

    def turn(self) -> dict[str, Any]:
        """One turn: at least `seconds`, of the work alone."""
        self._send({"go": True})
        return self._receive()

    def close(self) -> None:
        """End the process."""
        self._close_input()
        try:
            self._process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close_output()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failed() from None

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._failed()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _close_input(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def _close_output(self) -> None:
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _failed(self) -> SideFailed:
        self._process.kill()
        self._process.wait()
        self._close_input()
        self._close_output()
        said = self.log.read_text(encoding="utf-8", errors="replace")[-TAIL:]
        return SideFailed(f"{self.side} ended with {self._process.returncode}. {self.log} ends with:\n{said}")
