"""The sockets: where the server listens, and how it ends when it is asked to."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import resource
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from types import FrameType
from typing import Any

import uvicorn

from lightune.errors import ConfigError
from lightune.server.app import Service
from lightune.server.crowd import Crowd
from lightune.server.protocol import DeadlineProtocol, Surroundings
from lightune.server.refusals import Refusal
from lightune.server.sockets import why_not

# Connections that have not been looked at yet; fewer than may be open, or new ones would evict one another.
BACKLOG = 256
# Of the files that a process may have open, those that are no connections.
OTHER_FILES = 128
STEP = 0.02
# For those who connected at the very end to say what they want.
LAST_SECONDS = 0.5


class Server(uvicorn.Server):
    """uvicorn's server, which ends gently: what was taken is answered, what is new is told 503, then it closes."""

    def __init__(
        self, service: Service, listening: Sequence[socket.socket], on_listening: Callable[[], None] = lambda: None
    ) -> None:
        self._on_listening = on_listening
        self._service = service
        self._listening = list(listening)
        self.crowd = Crowd(min(service.limits.connections, max(_files() - OTHER_FILES, OTHER_FILES)))
        around = Surroundings(service.limits, self.crowd, self._refused, service.gate.turned_away)
        super().__init__(
            uvicorn.Config(
                service.gate,
                http=functools.partial(DeadlineProtocol, around=around),  # type: ignore[arg-type]
                loop="asyncio",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="critical",  # of what clients do wrong nothing is logged
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=int(service.limits.idle_seconds) + 1,
                timeout_graceful_shutdown=2,
            )
        )
        self.signalled: int | None = None
        service.metrics.connections.set_function(lambda: len(self.crowd))

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal asks for the end, or a second one for an end at once."""
        await super().serve(sockets or self._listening)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Have each model answer, then listen, unless a signal comes before. Raises RunError for a model that cannot,
        ConfigError."""
        await self._unless(self._service.start(), lambda: self.should_exit)
        if self.should_exit:
            await self._stop()
            return
        try:
            await super().startup(sockets)
        except OSError as error:  # somebody else began to listen since the port was bound
            host, port = self._listening[0].getsockname()[:2]
            raise ConfigError(why_not(host, port, error)) from error
        if not self.should_exit:
            self._on_listening()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Like uvicorn's, but an end that was asked for and done is no failure: the signal is not raised again."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """The first signal asks for the end, a second one for it at once. What cuts the server off, or comes before
        it serves, is noted."""
        self.force_exit = self.should_exit
        if self.force_exit or not self.started:
            self.signalled = sig
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what was taken, refuse what is new, then close."""
        gate, engine = self._service.gate, self._service.engine
        gate.stopping = True
        for connection in list(self.server_state.connections):
            connection.hurry()  # type: ignore[union-attr]
        until = time.monotonic() + self._service.limits.drain_seconds
        while gate.under_way and not self.force_exit and time.monotonic() < until:
            await asyncio.sleep(STEP)
        engine.abandon()
        await self._take_the_last()
        await super().shutdown(sockets)
        await self._stop()

    async def _stop(self) -> None:
        await self._unless(self._service.stop(), lambda: self.force_exit)

    async def _unless(self, work: Coroutine[Any, Any, Any], comes: Callable[[], bool]) -> None:
        """Await `work`, which is begun in any case, but no longer than until something comes."""
        task = asyncio.ensure_future(work)
        await asyncio.wait({task}, timeout=STEP)
        while not task.done() and not comes():
            await asyncio.wait({task}, timeout=STEP)
        if task.done():
            task.result()
        else:
            task.cancel()

    async def _take_the_last(self) -> None:
        """Refuse in words who has connected already; then nobody can any more."""
        last: list[socket.socket] = []
        for listening in self._listening:
            with contextlib.suppress(OSError):
                while True:
                    last.append(listening.accept()[0])
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        for one in last:
            one.setblocking(False)
            with contextlib.suppress(OSError):
                await loop.connect_accepted_socket(self._protocol, one)
        until = time.monotonic() + LAST_SECONDS
        open_ones: Any = self.server_state.connections
        while any(one.unanswered for one in open_ones) and time.monotonic() < until and not self.force_exit:
            await asyncio.sleep(STEP)

    def _protocol(self) -> asyncio.Protocol:
        made: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = made(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    def _refused(self, refusal: Refusal) -> None:
        self._service.metrics.requests.labels("other", str(refusal.status)).inc()
        self._service.metrics.rejected.labels(refusal.code).inc()


def _files() -> int:
    """How many files this process may have open: as many as it is allowed to allow itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return soft if soft > 0 else 1024
