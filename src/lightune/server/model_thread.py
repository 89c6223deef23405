"""The one thread that computes: a batch goes in, its answers or its failure come back on the event loop."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lightune.hosting import Ask

Logits = list[NDArray[np.float64]]


class Answers(Protocol):
    """What the thread needs of a `Host`."""

    def answer(self, asked: Sequence[Ask]) -> Logits:
        """Logits [texts, labels] of each ask."""
        ...


class ModelThread:
    """Calls `host.answer` one batch after another. An Exception is the batch's, anything else ends the thread."""

    def __init__(self, host: Answers) -> None:
        self._host = host
        self._batches: queue.SimpleQueue[tuple[Sequence[Ask], asyncio.Future[Logits]] | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._computing: asyncio.Future[Logits] | None = None
        self._thread = threading.Thread(target=self._run, name="lightune-model", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether there is a thread to compute."""
        return self._thread.is_alive()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin; answers are handed back on `loop`."""
        self._loop = loop
        self._thread.start()

    async def answer(self, asked: Sequence[Ask]) -> Logits:
        """Have a batch computed. Raises what `host.answer` raised, and ThreadEnded if the thread ends before."""
        if not self.alive:
            raise ThreadEnded
        future: asyncio.Future[Logits] = asyncio.get_running_loop().create_future()
        self._batches.put((asked, future))
        return await future

    def end(self) -> None:
        """Let the thread end after what it computes."""
        self._batches.put(None)

    def _run(self) -> None:
        try:
            while (batch := self._batches.get()) is not None:
                asked, self._computing = batch
                try:
                    logits = self._host.answer(asked)
                except Exception as error:  # whatever a model or its libraries raise is of this batch alone
                    self._hand(_fail, self._computing, error)
                else:
                    self._hand(_give, self._computing, logits)
                self._computing = None
        except BaseException as error:  # the thread ends: who waits must hear of it
            if self._computing is not None:
                self._hand(_fail, self._computing, ThreadEnded(type(error).__name__))

    def _hand(self, how: Callable[..., None], *what: object) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(how, *what)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return


class ThreadEnded(Exception):
    """There is no thread that computes any more."""


def _give(future: asyncio.Future[Logits], logits: Logits) -> None:
    if not future.done():
        future.set_result(logits)


def _fail(future: asyncio.Future[Logits], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
