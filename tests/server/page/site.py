"""The real application on a port of this machine, in a thread, with a host of the test's."""

from __future__ import annotations

import asyncio
import socket
import threading

import uvicorn

from lightune.server.access import Access
from lightune.server.app import Service


class Site:
    """A server that can be ended and begun again on the same port."""

    def __init__(self, host, access: Access | None = None) -> None:
        self.host = host
        self._port = 0
        self.start(access)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    def start(self, access: Access | None = None) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self._port))
        self._port = listening.getsockname()[1]
        listening.listen()  # who comes before the thread has begun waits
        service = Service(self.host, access)
        config = uvicorn.Config(service.gate, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(service, listening),))
        self._thread.start()

    def stop(self) -> None:
        """End; once more does nothing."""
        self._server.should_exit = True
        self._thread.join()

    async def _serve(self, service: Service, listening: socket.socket) -> None:
        with listening:
            async with service.running():
                await self._server.serve(sockets=[listening])
