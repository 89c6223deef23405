"""A request's body, read whole within its bounds."""

from __future__ import annotations

from starlette.requests import Request

from lightune.server.limits import Limits
from lightune.server.refusals import NOT_JSON, TOO_LARGE, Refused, crowded

# Bodies up to this are read in any case: they are most, and as many as there are connections take little.
SMALL = 64 * 2**10


class ClientGone(Exception):
    """Whoever asked has closed the connection: there is nobody to answer."""


class Bodies:
    """Reads bodies, and bounds what those that are not whole yet take in memory, all together."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held = 0

    async def read(self, request: Request) -> bytes:
        """Return the body of a request that calls it JSON. Raises Refused (413, 415; 503 for one above 64 KiB while
        others take all the room), ClientGone."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refused(NOT_JSON)
        body = bytearray()
        try:
            while True:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                part = message.get("body", b"")
                body += part
                self._held += len(part)
                if len(body) > self._limits.body_bytes:
                    raise Refused(TOO_LARGE)
                if not message.get("more_body", False):
                    return bytes(body)
                if self._held > self._limits.reading_bytes and len(body) > SMALL:
                    raise Refused(crowded())
        finally:
            self._held -= len(body)


async def gone(request: Request) -> None:
    """Return when the client of a request that is read has closed its connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
