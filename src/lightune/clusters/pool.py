"""Units of work given to actors of a cluster: whoever dies, process or node, each unit is done, and none given up."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, Protocol, TypeVar

from lightune.clusters.nodes import Needs, nodes
from lightune.errors import ConfigError, LightuneError, RunError

# A unit whose worker dies so often is not tried again, and no more workers are begun that die before their first one.
DEATHS = 3
# How often progress is asked for, and how long nobody at all may answer: a cluster that grows takes minutes.
TICK, PATIENCE = 0.5, 600.0
_GROUP = "progress"

Unit = TypeVar("Unit", bound=Hashable)
Given = TypeVar("Given", contravariant=True)


class Worker(Protocol[Given]):
    """What an actor is made of. What it raises ends the whole."""

    def load(self) -> None:
        """Get ready."""
        ...

    def label(self, unit: Given) -> int:
        """Do a unit of work."""
        ...

    def progress(self) -> int:
        """How much of the unit at hand is done, 0 between two; asked from another thread."""
        ...


def room_for(ray: ModuleType, needs: Needs, asked: int | None) -> int:
    """How many workers are to be started, each with its needs: as many as were asked for, else as many as have room at
    a time.

    Raises ConfigError where the cluster does not have room for so many, or for one.
    """
    there = nodes(ray)
    room = sum(node.fits(needs) for node in there)
    if room < (asked or 1):
        told = "; ".join(map(str, there[:8])) or "none takes work"
        raise ConfigError(
            f"--workers {asked or 1}: each asks for {needs}, and the cluster has room for {room}. Its nodes: {told}"
            f"{'; …' if len(there) > 8 else ''}. Ask for fewer, or for less each."
        )
    return asked or room


@dataclass
class _Member(Generic[Unit]):
    """An actor. unit: what it is at; None: it is still being made, or idle. asked: for its progress, unanswered."""

    actor: Any
    unit: Unit | None = None
    asked: Any = None


class Pool(Generic[Unit]):
    """`size` actors that `make` makes of a worker's class and its arguments, each with what it needs of a node. One
    that dies is replaced, on whichever node has room."""

    def __init__(self, ray: ModuleType, make: type, arguments: Sequence[Any], needs: Needs, size: int) -> None:
        self._ray, self._arguments, self._size = ray, arguments, size
        self._class = ray.remote(
            num_cpus=needs.cpus,
            num_gpus=needs.gpus,
            memory=needs.memory,
            scheduling_strategy="SPREAD",
            max_restarts=0,
            max_task_retries=0,
            concurrency_groups={_GROUP: 1},
        )(make)
        told = ray.exceptions
        self._lost = (told.RayActorError, told.OutOfMemoryError, told.WorkerCrashedError, told.NodeDiedError)
        # By what they have promised: that they are there, or their unit.
        self._promised: dict[Any, _Member[Unit]] = {}
        self._idle: list[_Member[Unit]] = []
        self._deaths: Counter[Unit] = Counter()
        self._stillborn = 0
        self._heard = time.monotonic()

    def work(
        self,
        units: Sequence[Unit],
        on_done: Callable[[Unit], None],
        on_progress: Callable[[Unit, int], None],
        words: Callable[[Unit], str],
    ) -> None:
        """Have all units done. on_progress hears how much of a unit is done; 0 where that is lost. words: for messages.

        Raises what a worker raises, RunError for a unit whose workers die and where nobody answers. Whatever ends it,
        no actor is left.
        """
        waiting = deque(units)
        try:
            for _ in range(min(self._size, len(units))):
                self._start()
            while waiting or self._at_work():
                for promise in self._kept():
                    self._settle(promise, waiting, on_done, on_progress, words)
                self._hand_out(waiting)
                self._ask(on_progress)
                if time.monotonic() - self._heard > PATIENCE:
                    raise RunError(
                        f"No worker has answered for {PATIENCE:,.0f} s: has the cluster lost its nodes, or no room? "
                        "What is done stays."
                    )
        finally:
            for member in (*self._promised.values(), *self._idle):
                self._end(member)

    def _start(self) -> None:
        member = _Member[Unit](self._class.remote(*self._arguments))
        self._promised[member.actor.load.remote()] = member

    def _at_work(self) -> bool:
        return any(member.unit is not None for member in self._promised.values())

    def _kept(self) -> list[Any]:
        """Promises that were kept, or broken."""
        if not self._promised:
            return []
        kept, _ = self._ray.wait(list(self._promised), num_returns=1, timeout=TICK)
        more, _ = self._ray.wait(list(self._promised), num_returns=len(self._promised), timeout=0)
        return list(dict.fromkeys([*kept, *more]))

    def _settle(
        self,
        promise: Any,
        waiting: deque[Unit],
        on_done: Callable[[Unit], None],
        on_progress: Callable[[Unit, int], None],
        words: Callable[[Unit], str],
    ) -> None:
        member = self._promised.pop(promise)
        unit = member.unit
        try:
            self._get(promise)
        except self._lost as error:
            self._end(member)
            self._count_death(unit, _why(error), words)
            if unit is not None:
                on_progress(unit, 0)
                waiting.appendleft(unit)
            self._start()
            return
        except self._ray.exceptions.RayError as error:
            raise RunError(f"Ray says of a worker: {str(error).splitlines()[0]}") from error
        self._heard = time.monotonic()
        member.unit = member.asked = None
        self._idle.append(member)
        if unit is None:
            self._stillborn = 0
        else:
            on_done(unit)

    def _get(self, promise: Any) -> Any:
        """What was promised. Raises one of `_lost` where the actor died, else what went wrong in it."""
        try:
            return self._ray.get(promise)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, Exception):
                raise error.cause from None
            raise

    def _count_death(self, unit: Unit | None, why: str, words: Callable[[Unit], str]) -> None:
        if unit is None:
            self._stillborn += 1
            if self._stillborn >= DEATHS:
                raise RunError(f"{DEATHS} workers one after the other died before they had begun: {why}.")
            return
        self._deaths[unit] += 1
        if self._deaths[unit] >= DEATHS:
            raise RunError(
                f"{words(unit)}: {DEATHS} workers died of it, one after the other ({why}). What is done stays; the "
                "same command with --resume goes on without those that are."
            )

    def _hand_out(self, waiting: deque[Unit]) -> None:
        while waiting and self._idle:
            member = self._idle.pop()
            member.unit = waiting.popleft()
            self._promised[member.actor.label.remote(member.unit)] = member

    def _ask(self, on_progress: Callable[[Unit, int], None]) -> None:
        """Ask those at work how far they are, and hear those that were asked."""
        members = [member for member in self._promised.values() if member.unit is not None]
        asked = {member.asked: member for member in members if member.asked is not None}
        if asked:
            for answer in self._ray.wait(list(asked), num_returns=len(asked), timeout=0)[0]:
                member = asked[answer]
                member.asked = None
                try:
                    done = self._get(answer)
                except (self._ray.exceptions.RayError, LightuneError):
                    continue  # it is dead, which its promise says too
                self._heard = time.monotonic()
                if member.unit is not None:
                    on_progress(member.unit, done)
        for member in members:
            if member.asked is None:
                member.asked = member.actor.progress.options(concurrency_group=_GROUP).remote()

    def _end(self, member: _Member[Unit]) -> None:
        self._ray.kill(member.actor, no_restart=True)


def _why(error: Exception) -> str:
    """What Ray says of a death, in a few words."""
    said = str(error)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if "creation task" in said and lines:
        return lines[-1].rstrip(".")
    if type(error).__name__ == "OutOfMemoryError" or "running low on memory" in said:
        return "its node ran out of memory"
    return "its node died" if "because its node has died" in said else "its process was killed or crashed"
