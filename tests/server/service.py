"""The server's application without sockets, around a host without a model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx
from soak.fake import FakeHost

from lightune.server.access import Access
from lightune.server.app import Service
from lightune.server.limits import Limits

HOST = "127.0.0.1"


@asynccontextmanager
async def serving(
    host: FakeHost | None = None, key: str | None = None, batch_tokens: int | None = None, **limits: Any
) -> AsyncIterator[tuple[Service, httpx.AsyncClient]]:
    """A service that computes, and a client of it."""
    service = Service(host or FakeHost(), Access(key=key), Limits(**limits), batch_tokens)
    transport = httpx.ASGITransport(app=service.gate)
    async with service.running(), httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
        yield service, client


def run(work: Coroutine[Any, Any, Any], seconds: float = 60) -> Any:
    """Run to the end; a test that hangs fails."""
    return asyncio.run(asyncio.wait_for(work, seconds))


async def until(condition: Any) -> None:
    """Wait for what must come true."""
    while not condition():
        await asyncio.sleep(0.002)


class Client:
    """One request whose client can go away."""

    def __init__(self, path: str, value: Any) -> None:
        self.sent: list[dict[str, Any]] = []
        self.gone = asyncio.Event()
        self.asked_body = 0
        self._body: bytes | None = json.dumps(value).encode()
        headers = [(b"host", HOST.encode()), (b"content-type", b"application/json")]
        self.scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "headers": headers,
                      "query_string": b"", "server": (HOST, 80), "http_version": "1.1", "root_path": ""}  # fmt: skip

    async def receive(self) -> dict[str, Any]:
        if self._body is not None:
            self.asked_body += 1
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None
