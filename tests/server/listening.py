"""The server on a real socket, in the test's own event loop, with limits that a test can wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from soak.fake import FakeHost
from soak.http import HOST

from lightune.server.access import Access
from lightune.server.app import Service
from lightune.server.limits import Limits
from lightune.server.serving import Server
from lightune.server.sockets import addresses_of, bind


@dataclass(frozen=True)
class Listening:
    """A server that runs until `stop` is awaited; `done` is its task."""

    server: Server
    service: Service
    port: int
    done: asyncio.Task[None]

    async def stop(self) -> None:
        self.server.should_exit = True
        await self.done

    async def connect(self, sent: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(HOST, self.port)
        writer.write(sent)
        return reader, writer


@asynccontextmanager
async def listening(host: FakeHost | None = None, **limits: Any) -> AsyncIterator[Listening]:
    """A server on a free port."""
    service = Service(host or FakeHost(), Access(), Limits(**limits))
    sockets = bind(HOST, 0, addresses_of(HOST, 0))
    ready = asyncio.Event()
    server = Server(service, sockets, ready.set)
    done = asyncio.create_task(server.serve())
    await asyncio.wait({done, asyncio.create_task(ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield Listening(server, service, sockets[0].getsockname()[1], done)
    finally:
        server.should_exit = True
        await done
