"""What a connection takes in: at most so much of a request, and of the next one nothing before its turn."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.flow_control import FlowControl

from lightune.server.limits import Limits
from lightune.server.refusals import BAD_REQUEST, LARGE_HEADERS, TOO_LARGE, Refusal


class BoundedConnection(h11.Connection):
    """h11's reader of a connection, which also bounds headers that come in one piece, chunks, and a body's bytes.
    `fault` is what is wrong with what came in, `head` whether the request is one that is answered without a body."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(h11.SERVER, limits.header_bytes)
        self.fault = BAD_REQUEST
        self.head = False
        self._limits = limits
        self._chunks = 0
        self._bytes = 0

    def next_event(self) -> Any:
        """h11's, but RemoteProtocolError for what is beyond the limits."""
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            self.fault = LARGE_HEADERS if error.error_status_hint == 431 else BAD_REQUEST
            raise
        if isinstance(event, h11.Request):
            self._chunks = self._bytes = 0
            self.head = event.method == b"HEAD"
            size = len(event.target) + sum(len(name) + len(value) + 4 for name, value in event.headers)
            if size > self._limits.header_bytes:
                self._fail(LARGE_HEADERS)
            names = {name for name, _ in event.headers}
            # A proxy that goes by the other one sees another request (RFC 9112, section 6.1).
            if b"transfer-encoding" in names and (b"content-length" in names or event.http_version != b"1.1"):
                self._fail(BAD_REQUEST)
        elif isinstance(event, h11.Data):
            self._chunks += event.chunk_end  # a chunk whose head came by itself has no start
            self._bytes += len(event.data)
            if self._chunks > self._limits.chunks or self._bytes > self._limits.body_bytes:
                self._fail(TOO_LARGE)
        return event

    def _fail(self, fault: Refusal) -> None:
        self.fault = fault
        raise h11.RemoteProtocolError(fault.code, error_status_hint=fault.status)


class Flow(FlowControl):
    """Reading goes on only until a request has come whole and another one has begun: uvicorn would take more in each
    time that the application looks whether its client is still there."""

    def __init__(self, transport: asyncio.Transport, conn: h11.Connection) -> None:
        super().__init__(transport)
        self._conn = conn

    def pause_reading(self) -> None:
        """Take nothing in; uvicorn has taken it up again without saying so after a body that was not wanted."""
        self.read_paused = False
        super().pause_reading()

    def resume_reading(self) -> None:
        """Take in again, unless what there is waits already."""
        if self._conn.their_state is not h11.DONE or not self._conn.trailing_data[0]:
            super().resume_reading()
