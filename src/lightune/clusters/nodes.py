"""What a cluster consists of, and what work asks of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class Needs:
    """What a task asks for. cpus, gpus: how many, in parts too. memory: bytes."""

    cpus: float
    gpus: float
    memory: int

    def __str__(self) -> str:
        return _words(self.cpus, self.gpus, self.memory)


@dataclass(frozen=True)
class Node:
    """A machine of the cluster that is up. name: its address. cpus, gpus, memory: what tasks may take, free or not."""

    id: str
    name: str
    cpus: float
    gpus: float
    memory: int

    def holds(self, needs: Needs) -> bool:
        """Whether it could do such a task, were it free."""
        return needs.cpus <= self.cpus and needs.gpus <= self.gpus and needs.memory <= self.memory

    def fits(self, needs: Needs) -> int:
        """How many such tasks it could do at a time, were it free."""
        pairs = ((self.cpus, needs.cpus), (self.gpus, needs.gpus), (self.memory, needs.memory))
        return min(math.floor(there / asked) for there, asked in pairs if asked)

    def __str__(self) -> str:
        return f"{self.name} ({_words(self.cpus, self.gpus, self.memory)})"


def nodes(ray: ModuleType) -> tuple[Node, ...]:
    """The nodes that are up and take tasks: a head without CPUs takes none."""
    found = []
    for told in ray.nodes():
        has = told["Resources"]
        if told["Alive"] and has.get("CPU", 0) > 0:
            gpus, memory = has.get("GPU", 0.0), int(has.get("memory", 0))
            found.append(Node(told["NodeID"], told["NodeManagerAddress"], has["CPU"], gpus, memory))
    return tuple(sorted(found, key=lambda node: node.id))


def cpus_each(there: Sequence[Node], tasks: int, gpus: float) -> int:
    """CPUs for each of `tasks` tasks: as many as let all of them run at once, 1 where they cannot. gpus: what each
    takes of a GPU; none is to lie idle for want of a CPU."""
    most = int(max((node.cpus for node in there), default=1))
    count = max((count for count in range(1, most + 1) if _at_once(there, count) >= tasks), default=1)
    shares = [int(gpus * node.cpus / node.gpus) for node in there if gpus and node.gpus]
    return max(min([count, *shares]), 1)


def _at_once(there: Iterable[Node], cpus: int) -> int:
    return sum(int(node.cpus // cpus) for node in there)


def _words(cpus: float, gpus: float, memory: int) -> str:
    units = [f"{cpus:g} CPU{'' if cpus == 1 else 's'}"]
    units += [f"{gpus:g} GPU{'' if gpus == 1 else 's'}" if gpus else "no GPU"]
    units += [f"{memory / 1e9:.1f} GB of memory"] if memory else []
    return f"{', '.join(units[:-1])} and {units[-1]}"
