"""A request's body, read whole within its bounds."""

from __future__ import annotations

from starlette.requests import Request

from lightune.server.limits import Limits
from lightune.server.refusals import NOT_JSON, TOO_LARGE, Refused


class ClientGone(Exception):
    """Whoever asked has closed the connection: there is nobody to answer."""


async def read_body(request: Request, limits: Limits) -> bytes:
    """Return the body of a request that calls it JSON. Raises Refused (413, 415), ClientGone."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(NOT_JSON)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part = message.get("body", b"")
        size += len(part)
        if size > limits.body_bytes:
            raise Refused(TOO_LARGE)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def gone(request: Request) -> None:
    """Return when the client of a request that is read has closed its connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
