"""Workers that are actors of a Ray cluster: each loads the model once, where it is, and trains trial after trial."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from lightune import clusters
from lightune.errors import ConfigError, LightuneError, MachineError, RunError
from lightune.search.crew import FACTS, FAULT, OUTCOME
from lightune.search.spec import Facts, Outcome, Work, facts_of, taken_over, work_of

# What an actor answers where the user's input is at fault.
REFUSED = "refused"
# A signal is heard between two waits.
WAIT_SECONDS = 1.0
# So many actors may go before they have loaded anything until it is no use to start another.
MOST_STARTS = 3


class RemoteTrainings:
    """What an actor is. folder: where `hand_over` has written, at the same path on each node."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._open = ExitStack()
        self._trainings: Any = None

    def begin(self) -> dict[str, Any]:
        """Load the model."""
        from lightune.models import quiet_transformers
        from lightune.progress import silent

        if not self._folder.is_dir():
            return {REFUSED: f"--out: the folder is not there ({self._folder}). All nodes need it at the same path."}
        self._open.enter_context(quiet_transformers())
        try:
            self._trainings = taken_over(self._folder, silent)
        except LightuneError as error:
            return {REFUSED: str(error)}
        return {FACTS: asdict(self._trainings.facts)}

    def train(self, work: dict[str, Any]) -> dict[str, Any]:
        """Do the work."""
        try:
            return {OUTCOME: asdict(self._trainings.attempt(work_of(work)))}
        except MachineError as error:
            return {FAULT: str(error)}


@dataclass(frozen=True)
class Share:
    """What of the cluster a worker takes."""

    cpus: int
    gpus: float


def share_of(ray: ModuleType, workers: int) -> Share:
    """Share a cluster out: as many CPUs for each as all nodes together have room for, and its part of the GPUs. Raises
    ConfigError where there are fewer CPUs than workers."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    most = max((int(node.get("CPU", 0)) for node in nodes), default=0)
    for cpus in range(most, 0, -1):
        if sum(int(node.get("CPU", 0)) // cpus for node in nodes) >= workers:
            break
    else:
        there = sum(int(node.get("CPU", 0)) for node in nodes)
        raise ConfigError(f"--workers {workers}: each takes a CPU, and the cluster has {there}. Ask for fewer.")
    gpus = sum(node.get("GPU", 0.0) for node in nodes)
    return Share(cpus, 0.0 if not gpus else 1 / math.ceil(workers / gpus))


@contextmanager
def connected(address: str | None, workers: int) -> Iterator[ModuleType]:
    """Ray, as `clusters.connected` gives it. Raises ConfigError too where there is no room for so many workers."""
    with clusters.connected(address) as ray:
        share_of(ray, workers)
        yield ray


class OnRay:
    """Workers on a cluster that `ray` is connected to. One that dies is replaced."""

    remote: Callable[[str], Any] = RemoteTrainings

    def __init__(self, ray: ModuleType, folder: Path, workers: int) -> None:
        share = share_of(ray, workers)
        self._ray = ray
        self._folder = str(folder)
        self._actor = ray.remote(num_cpus=share.cpus, num_gpus=share.gpus, max_restarts=0)(self.remote)
        # What is awaited: of each actor, and what it is at; None: it is loading.
        self._awaited: dict[Any, tuple[Any, Work | None]] = {}
        self._idle: list[Any] = []
        self._starts = 0
        self._facts: Facts | None = None
        for _ in range(workers):
            self._start()

    @property
    def size(self) -> int:
        """Workers that have loaded the model: on a busy cluster some wait for a place."""
        return len(self._idle) + sum(work is not None for _, work in self._awaited.values())

    def facts(self) -> Facts:
        """Wait for the first that has loaded the model."""
        while self._facts is None:
            self.ended()
        return self._facts

    def train(self, work: Work) -> None:
        """Hand it to one that is idle."""
        actor = self._idle.pop()
        self._awaited[actor.train.remote(asdict(work))] = (actor, work)

    def ended(self) -> Outcome | None:
        """Wait for one of them. None: there are more of them now, or fewer."""
        done: list[Any] = []
        while not done:
            done, _ = self._ray.wait(list(self._awaited), num_returns=1, timeout=WAIT_SECONDS)
        actor, work = self._awaited.pop(done[0])
        try:
            said = self._ray.get(done[0])
        except self._ray.exceptions.RayError as error:
            return self._died(actor, work, error)
        if FAULT in said:
            raise MachineError(said[FAULT])
        if REFUSED in said:
            raise ConfigError(f"On a node of the cluster: {said[REFUSED]}")
        self._idle.append(actor)
        if FACTS in said:
            self._starts = 0
            self._facts = self._facts or facts_of(said[FACTS])
            return None
        return Outcome(**said[OUTCOME])

    def close(self, at_once: bool) -> None:  # noqa: ARG002
        """End them all. What they are at goes on from its last checkpoint."""
        for actor in (*self._idle, *(actor for actor, _ in self._awaited.values())):
            self._end(actor)

    def _start(self) -> None:
        actor = self._actor.remote(self._folder)
        self._awaited[actor.begin.remote()] = (actor, None)

    def _died(self, actor: Any, work: Work | None, error: BaseException) -> Outcome | None:
        self._end(actor)  # it may only be out of reach
        said = " ".join(str(error).split())[:300]
        if work is None:
            self._starts += 1
            if self._starts >= MOST_STARTS:
                raise RunError(f"{self._starts} processes ended before they had loaded the model: {said}") from error
        self._start()
        return None if work is None else Outcome(work.number, None, reason=said, died=True)

    def _end(self, actor: Any) -> None:
        with suppress(self._ray.exceptions.RayError):
            self._ray.kill(actor)
