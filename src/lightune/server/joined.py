"""A transport that sends in one piece what is written at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

# What is held back at most: more goes out at once, so that the transport's own limits are felt.
MOST_HELD = 2**16


class JoinedTransport(asyncio.Transport):
    """Around a connection's transport: what is written in one turn of the event loop is sent together.

    uvicorn writes headers and body one after the other. Two packets cost the system, and who waits for them, twice:
    a quarter of what a refusal costs. lingers: asked before it closes; True says that its owner sees to that later.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        lingers: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__()
        self._lingers = lingers
        self._transport = transport
        self._loop = loop
        self._held: list[bytes | bytearray | memoryview] = []
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data` before the loop's next turn is over."""
        if not data:
            return
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)
        self._size += len(data)
        if self._size > MOST_HELD:
            self.flush()

    def flush(self) -> None:
        """Send what is held back now."""
        if self._held:
            data = b"".join(self._held)
            self._held.clear()
            self._size = 0
            self._transport.write(data)

    def get_write_buffer_size(self) -> int:
        """Bytes that the client has not taken."""
        self.flush()
        return self._transport.get_write_buffer_size()

    def write_eof(self) -> None:
        """Say that nothing more comes."""
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Close when all is sent."""
        self.flush()
        if not self._lingers():
            self._transport.close()

    def abort(self) -> None:
        """Close at once; what was written before may still arrive."""
        self.flush()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it is closed, or will be."""
        return self._transport.is_closing()

    def can_write_eof(self) -> bool:
        """Whether `write_eof` works."""
        return self._transport.can_write_eof()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Of the socket."""
        return self._transport.get_extra_info(name, default)

    def is_reading(self) -> bool:
        """Whether what comes in is taken."""
        return self._transport.is_reading()

    def pause_reading(self) -> None:
        """Take nothing in."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take in again."""
        self._transport.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """From how many bytes on writing is paused, and goes on."""
        self._transport.set_write_buffer_limits(high, low)
