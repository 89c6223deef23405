"""From requests to batches and back: who was let in waits in a bounded queue until the model thread comes to it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from lightune.errors import RunError
from lightune.hosting import Ask, Hosted
from lightune.server.failing import place_of
from lightune.server.fair_queue import PART, FairQueue, Unit
from lightune.server.limits import Limits
from lightune.server.metrics import Metrics
from lightune.server.model_thread import Answers, ModelThread, ThreadEnded
from lightune.server.pace import Pace
from lightune.server.refusals import MODEL_FAILED, NO_MODEL, Refused, full, stopping
from lightune.server.ticket import Ticket

log = logging.getLogger("lightune.server")
# A batch that takes longer than this is one that does not come back.
STUCK_SECONDS = 60.0
# How often it is looked whether the thread has ended.
STEP = 0.01
# What a text costs beside its tokens, in tokens.
EACH = 8
# Of what is beyond a model's limit a token costs so much less: it is made, and then cut off.
BEYOND = 10
# What reads no tokens is faster by about so much.
WITHOUT_TOKENS = 100


class Hosting(Answers, Protocol):
    """What the server needs of a `Host`."""

    @property
    def models(self) -> Mapping[str, Hosted]:
        """What can be asked, by name."""
        ...

    @property
    def defaults(self) -> Sequence[str]:
        """Who answers where nobody is named."""
        ...


class Engine:
    """The queue and the model thread. All but `ModelThread` runs on the event loop."""

    def __init__(self, host: Hosting, limits: Limits, metrics: Metrics, batch_tokens: int | None = None) -> None:
        self.pace = Pace(batch_tokens)
        self._models = dict(host.models)
        self._limits = limits
        self._metrics = metrics
        self._thread = ModelThread(host)
        self._queue: FairQueue[Ticket] = FairQueue()
        self._tickets: set[Ticket] = set()
        self._tokens = 0
        # `_turns`, until anything changes: it is asked for at each refusal, many times a batch.
        self._turns_known: int | None = None
        self._work = asyncio.Event()
        self._dispatching: asyncio.Task[None] | None = None
        self._since: float | None = None

    @property
    def waiting(self) -> int:
        """Requests that are let in and not done."""
        return len(self._tickets)

    @property
    def able(self) -> bool:
        """Whether the model thread lives and comes back from its batches."""
        stuck = self._since is not None and time.monotonic() - self._since > STUCK_SECONDS
        return self._lives and not stuck

    @property
    def _lives(self) -> bool:
        return self._thread.alive and self._dispatching is not None and not self._dispatching.done()

    async def start(self) -> None:
        """Begin to compute; each model answers, which shows that it does, and how fast. Raises RunError where not."""
        self._thread.start(asyncio.get_running_loop())
        for name in self._models:
            text = "It is what it is, and that is all there is to say. " * 10
            asked = (Ask(name, (text,) * 4),)
            try:
                await self._thread.answer(asked)  # the first time is slower than any after it
                begun = time.perf_counter()
                await self._thread.answer(asked)
            except Exception as error:  # whatever a model or its libraries raise
                raise RunError(
                    f"{name} fails at any text: {place_of(error)}. `lightune verify` looks closer."
                ) from None
            self.pace.note(4 * self.tokens_of(name, text), time.perf_counter() - begun)
        self._dispatching = asyncio.create_task(self._dispatch())
        self._dispatching.add_done_callback(self._dispatched)

    def abandon(self) -> None:
        """Refuse everybody who still waits: the server ends."""
        for ticket in list(self._tickets):
            ticket.fail(stopping())

    async def stop(self, seconds: float = 3.0) -> bool:
        """End the thread after the batch that it computes; whether it ended in time."""
        if self._dispatching is not None:
            self._dispatching.cancel()
        self._thread.end()
        until = time.monotonic() + seconds
        while self._thread.alive and time.monotonic() < until:  # not joined elsewhere: a second signal ends the wait
            await asyncio.sleep(STEP)
        return not self._thread.alive

    def tokens_of(self, model: str, text: str) -> int:
        """Estimate what a text costs a model: English has about four bytes a token, few languages less than three."""
        tokens = len(text.encode("utf-8", "surrogatepass")) // 3 + 1
        longest = self._models[model].max_length
        if longest is None:
            return tokens // WITHOUT_TOKENS + 1
        read = min(tokens, longest)
        return read + (tokens - read) // BEYOND + EACH

    def check_room(self) -> None:
        """Raise Refused (429, 503) where nobody can be let in, before anything is known of the request."""
        if not self.able:
            raise Refused(NO_MODEL)
        before = self._turns()
        late = self.pace.seconds(before) > self._limits.wait_seconds
        if self._tickets and (len(self._tickets) >= self._limits.waiting or late):
            raise Refused(full(self.pace.retry_after(before)))

    def admit(self, tokens: int) -> Ticket:
        """Let a request in, of so many estimated tokens; leaving the ticket's context frees its place.

        It is where it and what it waits with can be done before a server that is told to stop has to end, or where
        nobody else waits. Raises Refused (429, 503).
        """
        self.check_room()
        if self._tickets and not self._in_time(tokens):
            raise Refused(full(self.pace.retry_after(self._tokens)))
        ticket = Ticket(self, tokens)
        self._tickets.add(ticket)
        self._count(tokens)
        return ticket

    def enqueue(self, units: Sequence[Unit[Ticket]]) -> None:
        """Put a ticket's units into the queue."""
        self._queue.add(units[0].owner, units)
        self._work.set()

    def leave(self, ticket: Ticket) -> None:
        """Forget a ticket, and what of it waits."""
        self._tickets.discard(ticket)
        self._queue.drop(ticket)
        self._count(-ticket.left)
        ticket.left = 0

    def progress(self, ticket: Ticket, tokens: int) -> None:
        """Take in that so many of a ticket's tokens are computed."""
        done = min(tokens, ticket.left)
        ticket.left -= done
        self._count(-done)

    def _in_time(self, tokens: int) -> bool:
        """Whether all can be done that could be by itself, with so many tokens more. Where all take turns, who has the
        most of these is done when each other one has had as much, or all that it needs."""
        most = self._limits.drain_seconds * self.pace.tokens_per_second
        lefts = [tokens, *(ticket.left for ticket in self._tickets)]
        last = max(left for left in (*lefts, 0) if left <= most)
        return tokens <= most and sum(min(left, last) for left in lefts) <= most

    @property
    def _turn(self) -> int:
        return self.pace.batch_tokens // PART

    def _turns(self) -> int:
        """The tokens that are computed before a small request that comes now: one turn of each who waits."""
        if self._turns_known is None:
            turn = self._turn
            self._turns_known = sum(min(ticket.left, turn) for ticket in self._tickets)
        return self._turns_known

    def _count(self, tokens: int) -> None:
        self._tokens += tokens
        self._turns_known = None
        self._metrics.waiting.set(len(self._tickets))
        self._metrics.waiting_tokens.set(self._tokens)

    async def _dispatch(self) -> None:
        while True:
            batch = self._queue.take(self.pace.batch_tokens)
            if not batch:
                self._work.clear()
                await self._work.wait()
                continue
            now = time.monotonic()
            for ticket in {unit.owner for unit in batch}:
                if not ticket.begun:
                    ticket.begun = True
                    self._metrics.wait.observe(now - ticket.since)
            await self._compute(batch)

    async def _compute(self, batch: Sequence[Unit[Ticket]]) -> None:
        owners = list(dict.fromkeys(unit.owner for unit in batch))
        try:
            await self._answer(batch)
        except ThreadEnded:
            self._give_up("The thread that computes has ended; start the server again.")
        except Exception as error:  # whatever it was: it is one request's, and the others of its batch are answered
            if len(owners) == 1:
                log.error("A model failed at a request: %s", place_of(error))
                owners[0].fail(MODEL_FAILED)
                return
            log.warning("A model failed at %d requests; each is tried alone: %s", len(owners), place_of(error))
            for owner in owners:
                if owner.waits:
                    await self._compute([unit for unit in batch if unit.owner is owner])

    async def _answer(self, batch: Sequence[Unit[Ticket]]) -> None:
        """Compute a batch and hand each unit's logits to its ticket. Raises what the host raises, and ValueError for
        answers that are none."""
        by_model: dict[str, list[Unit[Ticket]]] = {}
        for unit in batch:
            by_model.setdefault(unit.model, []).append(unit)
        asked = [Ask(name, tuple(unit.text for unit in units)) for name, units in by_model.items()]
        begun = time.perf_counter()
        self._since = time.monotonic()
        said = f"A batch has not come back within {STUCK_SECONDS:.0f} s; if none does, start the server again."
        stuck = asyncio.get_running_loop().call_later(STUCK_SECONDS, self._give_up, said)
        try:
            answers = await self._thread.answer(asked)
        finally:
            self._since = None
            stuck.cancel()
        self._note(batch, time.perf_counter() - begun)
        for (name, units), logits in zip(by_model.items(), answers, strict=True):
            if logits.shape != (len(units), len(self._models[name].labels)) or not np.isfinite(logits).all():
                raise ValueError("logits")
        for units, logits in zip(by_model.values(), answers, strict=True):
            for unit, row in zip(units, logits, strict=True):
                unit.owner.take(unit, row)

    def _give_up(self, said: str) -> None:
        log.critical(said)
        for ticket in list(self._tickets):
            ticket.fail(NO_MODEL)

    def _dispatched(self, task: asyncio.Task[None]) -> None:
        """The dispatcher goes on until it is cancelled; if it fails, nobody may wait for it."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._give_up(f"Batches are made no more; start the server again: {place_of(error)}")

    def _note(self, batch: Sequence[Unit[Ticket]], seconds: float) -> None:
        tokens = sum(unit.tokens for unit in batch)
        self.pace.note(tokens, seconds)
        self._turns_known = None
        self._metrics.batch_texts.observe(len(batch))
        self._metrics.batch_tokens.observe(tokens)
        self._metrics.compute.observe(seconds)
