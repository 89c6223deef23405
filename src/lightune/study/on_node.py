"""What is done on a node of a cluster: a look at what it sees of the study's files, and a run."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from lightune.clusters import Needs, Tell
from lightune.records import RunRecord
from lightune.study.executors import in_worker
from lightune.study.handover import FACTS
from lightune.study.runs import RunSpec
from lightune.version import VERSION

# What a node is told of the environment of whoever began the study: where the hub's files lie, and whether to ask it.
PASSED_ON = ("HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_ENDPOINT", "PYTHONPATH", "TOKENIZERS_PARALLELISM")


class Unseen(Exception):
    """A node does not see the study's files."""


@dataclass(frozen=True)
class Surroundings:
    """Where whoever began the study or the search works. folder: relative paths are meant from there. variables:
    environment."""

    folder: str = field(default_factory=os.getcwd)
    variables: Mapping[str, str] = field(
        default_factory=lambda: {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    )


@dataclass(frozen=True)
class Look:
    """What a node is to look for. token: a file, and what stands in it. lock: a file whose lock is held elsewhere.
    files: more that has to be there."""

    token: str
    content: str
    lock: str
    files: tuple[str, ...]


def look(asked: Look) -> str | None:
    """What is wrong with this node, as the end of a sentence; None where all is as it should be."""
    if asked.content != _read(Path(asked.token)):
        return f"does not see {Path(asked.token).parent} as this machine does: a file system that all nodes share"
    try:
        with FileLock(asked.lock, timeout=0):
            return f"does not see locks on {Path(asked.lock).parent} that others hold: a file system with locks (flock)"
    except Timeout:
        pass
    except (OSError, NotImplementedError):  # which filelock raises where the system has no flock for this disk
        return f"cannot lock files in {Path(asked.lock).parent}: a file system with locks (flock)"
    missing = [name for name in asked.files if not Path(name).exists()]
    if missing:
        return f"does not see {missing[0]}: the same files at the same place"
    return None if asked.content.endswith(VERSION) else f"has lightune {VERSION}: the same version"


def run(tell: Tell, spec: RunSpec, needs: Needs, home: Surroundings) -> RunRecord:
    """Do the run in a process of its own, as `in_worker` does. tell: hears of its progress.

    Raises Unseen where the study's files are not there.
    """
    if not Path(spec.data, FACTS).exists():
        raise Unseen(f"{socket.gethostname()} does not see {spec.data}")

    def progress(phase: str, done: int, total: int, facts: dict[str, Any]) -> None:
        tell((phase, done, total, facts), must=bool(facts) or done == total)

    with surroundings(home, needs):
        return in_worker(spec, progress)


@contextmanager
def surroundings(home: Surroundings, needs: Needs) -> Iterator[None]:
    """Work as if this process had been started there, with as many threads as the task has CPUs, and on the GPU that
    the cluster gave it or on none."""
    variables = {**home.variables, "OMP_NUM_THREADS": str(max(int(needs.cpus), 1))}
    if not needs.gpus:
        variables["CUDA_VISIBLE_DEVICES"] = ""
    before = {name: os.environ.get(name) for name in variables}
    folder = Path.cwd()
    os.environ.update(variables)
    with suppress(OSError):  # whether paths that matter are there was looked at
        os.chdir(home.folder)
    try:
        yield
    finally:
        os.chdir(folder)
        for name, was in before.items():
            if was is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = was


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
