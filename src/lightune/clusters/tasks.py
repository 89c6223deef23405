"""Tasks on a cluster: placed by what they need, heard of while they run, and told apart by how they end."""

from __future__ import annotations

import contextlib
import queue
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any, Protocol

from lightune.clusters.nodes import Needs, Node, nodes

# What tasks have told and nobody has fetched yet; what is beyond is not told, but for what has to be.
TOLD_AT_ONCE = 1000
MUST_SECONDS = 5.0
# For the process that listens to begin, before the first task does.
LISTENS_SECONDS = 60.0
# So long no node may be there for a task before that is its end: one may come back, or be on its way.
PLACE_SECONDS = 60.0
LOOK_SECONDS = 2.0
NODE = "ray.io/node-id"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Tell(Protocol):
    """How a task tells of itself while it runs."""

    def __call__(self, said: Any, *, must: bool) -> None:
        """Send `said`, plain data. must: wait for room where nobody has listened for long; else it is dropped then."""
        ...


@dataclass(frozen=True, eq=False)
class Task:
    """`function(tell, *arguments)` on a node that has what it needs; it is importable there by its name. attempt: how
    often it was tried before. avoid: the id of a node that is not to do it, if another can."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    needs: Needs
    attempt: int = 0
    avoid: str | None = None


@dataclass(frozen=True)
class Ended:
    """How a task ended. value: what it returned. fault: what it raised. lost: in words, how its process, its node or
    its place went. memory: it was ended because its node ran out of memory."""

    task: Task
    value: Any = None
    fault: Exception | None = None
    lost: str | None = None
    memory: bool = False


class Tasks:
    """Tasks under way, each once. places: where those that have begun did, by node id."""

    def __init__(self, ray: ModuleType) -> None:
        self._ray = ray
        self._refs: dict[Any, Task] = {}
        self._unplaced: dict[Task, float] = {}
        # Those that Ray keeps from the node that they avoid.
        self._elsewhere: set[Task] = set()
        self._looked = 0.0
        self._queue = _queue(ray)
        self.places: dict[Task, str] = {}

    def __len__(self) -> int:
        return len(self._refs)

    def submit(self, task: Task) -> None:
        """Have it done as soon as a node has room."""
        options: dict[str, Any] = {
            "num_cpus": task.needs.cpus,
            "num_gpus": task.needs.gpus or None,
            "memory": task.needs.memory or None,
            "name": task.name,
            "max_retries": 0,  # whoever submits knows how to go on
        }
        if task.avoid is not None and any(
            node.id != task.avoid and node.holds(task.needs) for node in nodes(self._ray)
        ):
            options["label_selector"] = {NODE: f"!{task.avoid}"}
            self._elsewhere.add(task)
        remote = self._ray.remote(_do).options(**options)
        ref = remote.remote(task.function, (task.name, task.attempt), self._queue, task.arguments)
        self._refs[ref] = task

    def step(self, seconds: float) -> tuple[list[tuple[Task, Any]], list[Ended]]:
        """What tasks have told since the last time (None: that one begins), and those that have ended, once one has or
        so many seconds are over."""
        done, _ = self._ray.wait(list(self._refs), num_returns=1, timeout=seconds)
        ended = [self._outcome(ref, self._refs[ref]) for ref in done]
        heard = self._heard()
        for ref in done:
            del self._refs[ref]
        return heard, ended + self._given_up()

    def stop(self, seconds: float) -> None:
        """Interrupt what is under way, and wait for it so long at most."""
        for ref in self._refs:
            self._ray.cancel(ref, force=False)
        if self._refs:
            self._ray.wait(list(self._refs), num_returns=len(self._refs), timeout=seconds)
        self._refs.clear()

    def close(self) -> None:
        """Let go of what they tell."""
        self._ray.kill(self._queue.actor)

    def _heard(self) -> list[tuple[Task, Any]]:
        told: list[Any] = []
        # Lost with the process that held it: only progress is.
        with contextlib.suppress(self._ray.exceptions.RayError):
            told = self._queue.get_nowait_batch(self._queue.size())
        tasks = {(task.name, task.attempt): task for task in self._refs.values()}
        found = []
        for who, node, said in told:
            if who in tasks:
                self.places.setdefault(tasks[who], node)
                found.append((tasks[who], said))
        return found

    def _outcome(self, ref: Any, task: Task) -> Ended:
        errors = self._ray.exceptions
        try:
            return Ended(task, value=self._ray.get(ref))
        except errors.OutOfMemoryError as error:
            return Ended(task, lost=_sentence(error), memory=True)
        except errors.RayTaskError as error:
            return Ended(task, fault=error.cause if isinstance(error.cause, Exception) else error)
        except errors.RayError as error:
            return Ended(task, lost=_sentence(error))
        except Exception as error:  # what came back cannot be read here
            return Ended(task, fault=error)

    def _given_up(self) -> list[Ended]:
        """Tasks that no node can do any more. One that only the node can do that it avoids is given to that."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return []
        self._looked = now
        there: tuple[Node, ...] = nodes(self._ray)
        found = []
        for ref, task in list(self._refs.items()):
            able = [node.id for node in there if node.holds(task.needs)]
            if task in self.places or able:
                self._unplaced.pop(task, None)
                if task not in self.places and task in self._elsewhere and able == [task.avoid]:
                    self._take_back(ref)
                    self._elsewhere.discard(task)
                    self.submit(task)
            elif now - self._unplaced.setdefault(task, now) > PLACE_SECONDS:
                self._take_back(ref)
                left = ", ".join(map(str, there)) or "none"
                lost = f"no node of the cluster has {task.needs} any more (nodes that are left: {left})"
                found.append(Ended(task, fault=LookupError(lost)))
        return found

    def _take_back(self, ref: Any) -> None:
        """A task that has not begun."""
        self._ray.cancel(ref)
        del self._refs[ref]


def each_node(
    ray: ModuleType, function: Callable[..., Any], *arguments: Any, seconds: float
) -> list[tuple[Node, Any, str | None]]:
    """Call `function(*arguments)` on every node that stays: what it returned there, or why there is no answer."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    refs = {}
    for node in nodes(ray):
        here = NodeAffinitySchedulingStrategy(node_id=node.id, soft=False)
        options = {"num_cpus": 0, "max_retries": 1, "scheduling_strategy": here}
        refs[ray.remote(_call).options(**options).remote(function, arguments)] = node
    done, _ = ray.wait(list(refs), num_returns=len(refs), timeout=seconds)
    found: list[tuple[Node, Any, str | None]] = []
    for ref, node in refs.items():
        if ref not in done:
            ray.cancel(ref, force=True)
            found.append((node, None, f"has not answered within {seconds:.0f} s"))
            continue
        try:
            found.append((node, ray.get(ref), None))
        except ray.exceptions.TaskUnschedulableError:
            continue  # it was on its way out, and takes no tasks
        except Exception as error:  # of whatever kind: a package is missing there, its file system hangs
            found.append((node, None, f"cannot do its part ({_sentence(error)})"))
    there = {node.id for node in nodes(ray)}
    return [one for one in found if one[0].id in there]


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return function(*arguments)


def _do(function: Callable[..., Any], who: tuple[str, int], there: Any, arguments: tuple[Any, ...]) -> Any:
    """Runs on a node."""
    import ray

    with _Teller(there, who, ray.get_runtime_context().get_node_id()) as tell:
        tell(None, must=True)
        return function(tell, *arguments)


class _Teller:
    """Tells what a task has to say, from another process than it is heard in, and from a thread of its own: Ray takes a
    task whose main thread waits for an answer as idle, and gives its CPUs to another one."""

    def __init__(self, there: Any, who: tuple[str, int], node: str) -> None:
        self._there, self._who, self._node = there, who, node
        self._said: queue.Queue[tuple[Any, bool] | None] = queue.Queue(TOLD_AT_ONCE)
        self._thread = threading.Thread(target=self._send, daemon=True)

    def __enter__(self) -> _Teller:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Have the last of it sent, if that does not take long."""
        with contextlib.suppress(queue.Full):
            self._said.put(None, timeout=MUST_SECONDS)
        self._thread.join(MUST_SECONDS)

    def __call__(self, said: Any, *, must: bool) -> None:
        with contextlib.suppress(queue.Full):
            self._said.put((said, must), block=must, timeout=MUST_SECONDS)

    def _send(self) -> None:
        from ray.exceptions import RayError
        from ray.util.queue import Full

        while (one := self._said.get()) is not None:
            said, must = one
            # Where nobody listens any more, the work is what matters.
            with contextlib.suppress(Full, RayError):
                self._there.put((self._who, self._node, said), block=must, timeout=MUST_SECONDS)


def _queue(ray: ModuleType) -> Any:
    """On this node, whose end is the end of whoever listens too. It is waited for: a task that ends before its process
    is there would not be heard of."""
    from ray.util.queue import Queue
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(node_id=ray.get_runtime_context().get_node_id(), soft=False)
    made = Queue(TOLD_AT_ONCE, actor_options={"num_cpus": 0, "max_restarts": -1, "scheduling_strategy": here})
    with contextlib.suppress(ray.exceptions.RayError):  # only progress is lost without it
        ray.get(made.actor.qsize.remote(), timeout=LISTENS_SECONDS)
    return made


def _sentence(error: BaseException) -> str:
    """One line of what Ray says at length: the first, or the last of what a traceback is part of."""
    lines = [" ".join(COLOURS.sub("", line).split()) for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return lines[-1][:300] if hasattr(error, "cause") else f"{type(error).__name__}: {lines[0][:300]}"
