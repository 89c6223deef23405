"""Workers that are actors of a Ray cluster: each loads the model once, where it is, and trains trial after trial."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

from lightune import clusters
from lightune.clusters import Needs
from lightune.errors import ConfigError, LightuneError, MachineError, RunError
from lightune.search.crew import FACTS, FAULT, OUTCOME
from lightune.search.spec import Facts, Outcome, Work, facts_of, taken_over, work_of
from lightune.study.on_node import Surroundings, surroundings

# What an actor answers where the user's input is at fault.
REFUSED = "refused"
# A signal is heard between two waits.
WAIT_SECONDS = 1.0
# So many actors may go before they have loaded anything until it is no use to start another.
MOST_STARTS = 3
# So long there may be no node for any worker before that is the search's end: one may come back, or be on its way.
PLACE_SECONDS = 60.0
# Ray counts GPUs in ten-thousandths; of parts that are rounded down, as many as are meant fit a GPU.
GPU_UNITS = 10_000


class RemoteTrainings:
    """What an actor is. folder: where `hand_over` has written, at the same path on each node. home: where the command
    runs. needs: what the actor has of its node."""

    def __init__(self, folder: str, home: Surroundings, needs: Needs) -> None:
        self._folder = Path(folder)
        self._home, self._needs = home, needs
        self._open = ExitStack()
        self._trainings: Any = None

    def begin(self) -> dict[str, Any]:
        """Load the model."""
        # Before libraries are imported, which read the environment then.
        self._open.enter_context(surroundings(self._home, self._needs))
        from lightune.models import quiet_transformers
        from lightune.progress import silent

        if not self._folder.is_dir():
            return _refused(f"--out: the folder is not there ({self._folder}). All nodes need it at the same path.")
        self._open.enter_context(quiet_transformers())
        try:
            self._trainings = taken_over(self._folder, silent)
        except LightuneError as error:
            return _refused(str(error))
        return {FACTS: asdict(self._trainings.facts)}

    def train(self, work: dict[str, Any]) -> dict[str, Any]:
        """Do the work."""
        try:
            return {OUTCOME: asdict(self._trainings.attempt(work_of(work)))}
        except MachineError as error:
            return {FAULT: str(error)}


def _refused(said: str) -> dict[str, Any]:
    return {REFUSED: f"{socket.gethostname()}: {said}"}


def share_of(ray: ModuleType, workers: int) -> Needs:
    """Share a cluster out: the largest part of a GPU for each worker, where there are any, then as many CPUs beside it
    as all nodes together have places for. Raises ConfigError where there are fewer CPUs than workers."""
    there = clusters.nodes(ray)
    with_gpus = [node for node in there if node.gpus]
    places = with_gpus or there
    gpus = sum(node.gpus for node in places)
    most = int(max((node.cpus for node in places), default=0))
    # So many share a GPU.
    for together in range(math.ceil(workers / gpus), workers + 1) if gpus else (0,):
        part = math.floor(GPU_UNITS / together) / GPU_UNITS if together else 0.0
        for cpus in range(most, 0, -1):
            needs = Needs(cpus, part, 0)
            if sum(node.fits(needs) for node in places) >= workers:
                return needs
    where = " on a node with a GPU" if with_gpus else ""
    room = sum(int(node.cpus) for node in places)
    raise ConfigError(f"--workers {workers}: each takes a CPU{where}, and the cluster has {room}. Ask for fewer.")


@contextmanager
def connected(address: str | None, workers: int) -> Iterator[ModuleType]:
    """Ray, as `clusters.connected` gives it. Raises ConfigError too where there is no room for so many workers."""
    with clusters.connected(address) as ray:
        share_of(ray, workers)
        yield ray


class OnRay:
    """Workers on a cluster that `ray` is connected to. One that dies is replaced."""

    remote: Callable[[str, Surroundings, Needs], Any] = RemoteTrainings

    def __init__(self, ray: ModuleType, folder: Path, workers: int) -> None:
        self._ray = ray
        self._needs = share_of(ray, workers)
        self._arguments = (str(folder), Surroundings(), self._needs)
        options = {"num_cpus": self._needs.cpus, "num_gpus": self._needs.gpus, "max_restarts": 0}
        self._actor = ray.remote(**options)(self.remote)
        # What is awaited: of each actor, and what it is at; None: it is loading.
        self._awaited: dict[Any, tuple[Any, Work | None]] = {}
        self._idle: list[Any] = []
        self._starts = 0
        self._placeless: float | None = None
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
        """Wait for one of them. None: there are more of them now, or fewer. Raises RunError where none is at work and
        no node can hold one any more."""
        done: list[Any] = []
        while not done:
            done, _ = self._ray.wait(list(self._awaited), num_returns=1, timeout=WAIT_SECONDS)
            if not done:
                self._check_place()
        actor, work = self._awaited.pop(done[0])
        try:
            said = self._ray.get(done[0])
        except self._ray.exceptions.RayError as error:
            return self._died(actor, work, error)
        if FAULT in said:
            raise MachineError(said[FAULT])
        if REFUSED in said:
            raise ConfigError(f"On the cluster's node {said[REFUSED]}")
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
        actor = self._actor.remote(*self._arguments)
        self._awaited[actor.begin.remote()] = (actor, None)

    def _check_place(self) -> None:
        there = clusters.nodes(self._ray)
        if self.size or any(node.holds(self._needs) for node in there):
            self._placeless = None
            return
        now = time.monotonic()
        self._placeless = now if self._placeless is None else self._placeless
        if now - self._placeless > PLACE_SECONDS:
            left = "; ".join(map(str, there)) or "none"
            raise RunError(
                f"No worker of the search has a place any more: each takes {self._needs}, and no node of the cluster "
                f"has had that for {PLACE_SECONDS:.0f} s (nodes that are left: {left}). What is done stays; the same "
                "command goes on, with as much for each as there is then."
            )

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
