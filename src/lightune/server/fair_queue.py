"""Who is next: waiting requests take turns, and a large one has a part of itself computed in each."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

Owner = TypeVar("Owner", bound=Hashable)
# In its turn a request gets at most a batch's part of so much, if others wait.
PART = 2


@dataclass(frozen=True)
class Unit(Generic[Owner]):
    """One text for one model. place: of its answer, for its owner. tokens: estimated."""

    owner: Owner
    place: int
    model: str
    text: str
    tokens: int


class FairQueue(Generic[Owner]):
    """Units of work by owner. Each owner has its turn, in the order in which they came, and in its turn as many units
    as fit half a batch, one at least; who has more goes to the end of the line. So a small request waits for one
    turn of each that came before, however large they are, and a large one waits for nobody forever either."""

    def __init__(self) -> None:
        self._waiting: dict[Owner, deque[Unit[Owner]]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, owner: Owner, units: Iterable[Unit[Owner]]) -> None:
        """Put units at the end of their owner's, and an owner who has none yet at the end of the line."""
        if added := deque(units):
            self._waiting.setdefault(owner, deque()).extend(added)

    def drop(self, owner: Owner) -> None:
        """Forget what is left of an owner's."""
        self._waiting.pop(owner, None)

    def take(self, budget: int) -> list[Unit[Owner]]:
        """Take the next batch out: units of at most `budget` tokens in all, and one unit in any case."""
        taken: list[Unit[Owner]] = []
        left, part = budget, budget // PART
        while self._waiting:
            owner, units = next(iter(self._waiting.items()))
            if taken and units[0].tokens > left:
                break  # the batch is full; this owner is the first of the next
            turn = [units.popleft()]
            used = turn[0].tokens
            while units and used + units[0].tokens <= min(part, left):
                turn.append(units.popleft())
                used += turn[-1].tokens
            taken += turn
            left -= used
            del self._waiting[owner]
            if units:
                self._waiting[owner] = units
        return taken
