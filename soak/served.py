"""A server in a process of its own: started, looked at from outside, and stopped."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/")
# For starting on a machine that does other things.
PATIENCE = 180.0


@dataclass(frozen=True)
class Ended:
    """How a server ended: its exit code, seconds from the signal, what it wrote to standard error."""

    code: int
    seconds: float
    said: str


class Served:
    """A process that serves on `port` of 127.0.0.1."""

    def __init__(self, process: subprocess.Popen[str], port: int, errors: Path) -> None:
        self.port = port
        self._process = process
        self._errors = errors

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def memory_bytes(self) -> int:
        """What the process has in memory now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        """The files and sockets that the process has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def signal(self, number: int = signal.SIGTERM) -> float:
        """Send a signal; when, in seconds of the monotonic clock."""
        now = time.monotonic()
        self._process.send_signal(number)
        return now

    def ended(self, since: float, seconds: float = 60.0) -> Ended:
        """Wait for the end. Raises TimeoutExpired."""
        code = self._process.wait(seconds)
        return Ended(code, time.monotonic() - since, self.said())

    def said(self) -> str:
        """What it wrote to standard error so far."""
        return self._errors.read_text(encoding="utf-8", errors="replace")


@contextmanager
def serving(words: Sequence[str], errors: Path, threads: int | None = None) -> Iterator[Served]:
    """Start `python -m WORDS`, wait until it says where it serves, and kill it in the end if it still runs."""
    paths = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    env = {**os.environ, "PYTHONPATH": paths, "HF_HUB_OFFLINE": "1"}
    env |= {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
    with errors.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *words], stdout=subprocess.PIPE, stderr=log, text=True, env=env, cwd=errors.parent
        )
        try:
            yield Served(process, _port(process, errors), errors)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _port(process: subprocess.Popen[str], errors: Path) -> int:
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    until = time.monotonic() + PATIENCE
    while True:
        try:
            line = lines.get(timeout=max(until - time.monotonic(), 0))
        except queue.Empty:
            line = None
        if line is None:
            raise RuntimeError(f"the server did not start:\n{errors.read_text(encoding='utf-8')}")
        if found := ADDRESS.search(line):
            return int(found[1])


def make_study(folder: Path) -> Path:
    """A small study on the embedded model and reviews; one that is there already stays."""
    if (folder / "results.json").is_file():
        return folder
    words = (
        "--model",
        "embedded",
        "--data",
        "embedded",
        "--train-size",
        "100",
        "--test-size",
        "50",
        "--max-steps",
        "5",
    )
    arms = ("--evaluations", "1", "--arms", "majority,tfidf,pretrained,lora", "--behaviour", "none")
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "lightune", "study", *words, *arms, "--out", str(folder)]
    subprocess.run(command, check=True, env=env, capture_output=True)
    return folder


def real(study: Path) -> list[str]:
    """The words that serve a study."""
    return ["lightune", "serve", str(study), "--port", "0"]


def fake(seconds_a_text: float, **more: int) -> list[str]:
    """The words that serve a host without a model."""
    options = [word for name, value in more.items() for word in (f"--{name}", str(value))]
    return ["soak.fake_server", "--seconds-a-text", str(seconds_a_text), *options]
