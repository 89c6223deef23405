"""A request's place among those who wait, and its answers as they come in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lightune.hosting import Ask
from lightune.server.fair_queue import Unit
from lightune.server.model_thread import Logits
from lightune.server.refusals import Refusal, Refused, stopping

if TYPE_CHECKING:
    from lightune.server.engine import Engine


class Ticket:
    """One request's place: from `Engine.admit` until its context is left, whatever came of it."""

    def __init__(self, engine: Engine, tokens: int) -> None:
        self.left = tokens
        self.since = time.monotonic()
        self.begun = False
        self._engine = engine
        self._rows: list[NDArray[np.float64] | None] = []
        self._missing = 0
        self._future: asyncio.Future[None] | None = None
        self._refusal: Refusal | None = None

    def __enter__(self) -> Ticket:
        return self

    def __exit__(self, *_: object) -> None:
        self.fail(stopping())  # nobody waits for it any more

    @property
    def waits(self) -> bool:
        """Whether anybody still wants its answer."""
        return self._future is not None and not self._future.done()

    async def answer(self, asked: Iterable[Ask]) -> Logits:
        """Logits [texts, labels] of each ask, in order, when it is their turn. One call at a time. Raises Refused."""
        asked = tuple(asked)
        if self._refusal is not None:
            raise Refused(self._refusal)
        texts = [(ask.model, text) for ask in asked for text in ask.texts]
        units = [
            Unit(self, place, model, text, self._engine.tokens_of(model, text))
            for place, (model, text) in enumerate(texts)
        ]
        self._rows, self._missing = [None] * len(units), len(units)
        self._future = asyncio.get_running_loop().create_future()
        self._engine.enqueue(units)
        await self._future
        rows = iter(self._rows)
        return [np.array([next(rows) for _ in ask.texts]) for ask in asked]

    def take(self, unit: Unit[Ticket], row: NDArray[np.float64]) -> None:
        """Take in one unit's logits [labels]."""
        self._engine.progress(self, unit.tokens)
        if self.waits:
            self._rows[unit.place] = row
            self._missing -= 1
            if not self._missing and self._future is not None:
                self._future.set_result(None)

    def fail(self, refusal: Refusal) -> None:
        """Give up: whoever waits for it hears the refusal."""
        self._refusal = refusal
        self._engine.leave(self)
        if self._future is not None and not self._future.done():
            self._future.set_exception(Refused(refusal))
