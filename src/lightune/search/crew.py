"""Who trains the trials: this process, or several of this machine at once."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from lightune.errors import MachineError, RunError
from lightune.search.spec import Facts, Outcome, Work, facts_of

if TYPE_CHECKING:
    from lightune.search.training import Trainings

# One that is asked to stop has so long to save; this process has to leave within 10 s.
STOP_SECONDS = 7.0
# What a process of a crew begins its lines with, by their kind.
FACTS, OUTCOME, FAULT = "facts", "outcome", "fault"


class Crew(Protocol):
    """Trains trials, so many at once as it has workers."""

    @property
    def size(self) -> int:
        """How many."""
        ...

    def facts(self) -> Facts:
        """What the workers found as they loaded the model. Raises LightuneError where none could."""
        ...

    def train(self, work: Work) -> None:
        """Have a worker that is idle begin; there is one."""
        ...

    def ended(self) -> Outcome | None:
        """Wait until some work has ended; None: there are more workers now, or fewer. Raises MachineError where the
        machine is at fault, not the trial."""
        ...

    def close(self, at_once: bool) -> None:
        """Let the workers go. at_once: they are to save what they are at and leave."""
        ...


class InThisProcess:
    """A crew of one."""

    size = 1

    def __init__(self, make: Callable[[], Trainings]) -> None:
        self._make = make
        self._trainings: Trainings | None = None
        self._asked: Work | None = None

    def facts(self) -> Facts:
        """Load the model."""
        self._trainings = self._make()
        return self._trainings.facts

    def train(self, work: Work) -> None:
        """Take the work down."""
        self._asked = work

    def ended(self) -> Outcome:
        """Do it."""
        assert self._trainings is not None
        assert self._asked is not None
        return self._trainings.attempt(self._asked)

    def close(self, at_once: bool) -> None:
        """Nothing is left to be let go."""


@dataclass
class _Worker:
    process: subprocess.Popen[str]
    log: Path
    began: int
    works: list[Work] = field(default_factory=list)
    listener: threading.Thread | None = None


class OnThisMachine:
    """Workers that are processes of their own, each with a base, tokens and a trunk of its own; they share the study's
    cache. One that dies is replaced. folder: where `hand_over` has written. logs: where what they say goes."""

    program = "lightune.search.worker"

    def __init__(self, folder: Path, size: int, logs: Path) -> None:
        self.size = size
        self._folder = folder
        self._logs = logs
        self._workers: list[_Worker | None] = [None] * size
        self._heard: queue.Queue[tuple[int, _Worker, dict[str, Any] | None]] = queue.Queue()
        self._facts: Facts | None = None

    def facts(self) -> Facts:
        """Start all of them, and wait for the first that has loaded the model."""
        for place in range(self.size):
            self._start(place)
        while self._facts is None:
            place, worker, said = self._heard.get()
            self._hear(place, worker, said)
            if not any(self._workers):
                raise RunError(f"No process that trains trials could begin: {_why(worker)}")
        return self._facts

    def train(self, work: Work) -> None:
        """Write it to one that is idle; one that is not there is started."""
        places = [place for place, one in enumerate(self._workers) if one is None or not one.works]
        place = min(places, key=lambda place: self._workers[place] is None)
        worker = self._workers[place] or self._start(place)
        worker.works.append(work)
        assert worker.process.stdin is not None
        try:
            worker.process.stdin.write(json.dumps(asdict(work)) + "\n")
            worker.process.stdin.flush()
        except OSError:
            pass  # it is gone, which is heard from its other end

    def ended(self) -> Outcome:
        """Wait for what one of them says, or for the end of one that was at some work."""
        while True:
            found = self._hear(*self._heard.get())
            if found is not None:
                return found

    def close(self, at_once: bool) -> None:
        """Close what they are told by; at once: ask them to stop, wait, and end those that take too long."""
        workers = [worker for worker in self._workers if worker is not None]
        processes = [worker.process for worker in workers]
        until = time.monotonic() + STOP_SECONDS
        for process in processes:
            if at_once:
                process.terminate()
        try:
            for process in processes:
                if not at_once and process.stdin is not None:
                    process.stdin.close()
                process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            pass
        finally:
            for worker in workers:
                worker.process.kill()
                worker.process.wait()
                if worker.listener is not None:
                    worker.listener.join()
                for stream in (worker.process.stdin, worker.process.stdout):
                    _closed(stream)

    def _start(self, place: int) -> _Worker:
        log = self._logs / f"worker-{place + 1}.log"
        began = log.stat().st_size if log.exists() else 0
        # -P: a user's datasets.py in the working directory must not take the library's place.
        command = [sys.executable, "-P", "-m", self.program, str(self._folder)]
        with log.open("ab") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=worker_environment(place, self.size),
                encoding="utf-8",
                errors="replace",
            )
        worker = _Worker(process, log, began)
        self._workers[place] = worker
        worker.listener = threading.Thread(target=self._listen, args=(place, worker), daemon=True)
        worker.listener.start()
        return worker

    def _listen(self, place: int, worker: _Worker) -> None:
        assert worker.process.stdout is not None
        for line in worker.process.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                continue  # something that a library printed
            if isinstance(said, dict) and set(said) & {FACTS, OUTCOME, FAULT}:
                self._heard.put((place, worker, said))
        worker.process.wait()
        self._heard.put((place, worker, None))

    def _hear(self, place: int, worker: _Worker, said: dict[str, Any] | None) -> Outcome | None:
        if said is None:
            if self._workers[place] is worker:
                self._workers[place] = None
            _closed(worker.process.stdin)
            _closed(worker.process.stdout)
            if worker.works:
                return Outcome(worker.works.pop().number, None, reason=_why(worker), died=True)
        elif FAULT in said:
            raise MachineError(str(said[FAULT]))
        elif FACTS in said:
            self._facts = self._facts or facts_of(said[FACTS])
        else:
            worker.works.clear()
            return Outcome(**said[OUTCOME])
        return None


def worker_environment(place: int, size: int) -> dict[str, str]:
    """This process's environment variables for worker number `place` of `size`: the cores shared out among them, and of
    several GPUs one each, in turn."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    own = {"OMP_NUM_THREADS": str(max(1, cores // size)), "TOKENIZERS_PARALLELISM": "false"}
    devices = [one for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if one] or _devices()
    if len(devices) > 1:
        return {**own, **os.environ, "CUDA_VISIBLE_DEVICES": devices[place % len(devices)]}
    return {**own, **os.environ}


def _devices() -> list[str]:
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def _why(worker: _Worker) -> str:
    """Words for how a worker ended."""
    code = worker.process.poll()
    if code is not None and code < 0:
        return f"its process was ended by signal {-code}."
    lines = worker.log.read_bytes()[worker.began :].decode("utf-8", "replace").strip().splitlines()
    said = f": {lines[-1]}" if lines else "."
    return f"its process left with code {code}{said} (all of it: search/{worker.log.name})"


def _closed(stream: IO[str] | None) -> None:
    if stream is not None:
        with contextlib.suppress(OSError):  # what it still held is for nobody
            stream.close()
