"""The first to see a request and the last to see its answer: who may come in at all, at next to no cost."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lightune.server.access import Access
from lightune.server.engine import Engine
from lightune.server.failing import place_of
from lightune.server.limits import Limits
from lightune.server.metrics import Metrics
from lightune.server.refusals import (
    NO_KEY,
    SAFE_HEADERS,
    TOO_LARGE,
    WRONG_HOST,
    Header,
    Refusal,
    Refused,
    stopping,
)
from lightune.server.shedding import PlainRequest

log = logging.getLogger("lightune.server")
ALWAYS = "/health"
METHODS = frozenset(("GET", "HEAD", "POST"))
COMPUTED = ("/v1/predict", "/v1/explain")
OTHER = "other"
# For the counts alone: nobody was left to be told a status.
GONE = 499


class Gate:
    """An ASGI application around the real one. It refuses what the headers, the queue or the server's end tell to
    refuse before a byte of the body is read, and sees to it that every answer is counted and has its headers.

    routes: paths that are counted by their name. `stopping`, once true, turns away all that is not under way.
    """

    def __init__(
        self, app: ASGIApp, engine: Engine, access: Access, limits: Limits, metrics: Metrics, routes: Collection[str]
    ) -> None:
        self.stopping = False
        self.under_way = 0
        self._app = app
        self._engine = engine
        self._access = access
        self._limits = limits
        self._metrics = metrics
        self._routes = frozenset(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, self.stopping)
        begun = time.perf_counter()
        try:
            server = (scope.get("server") or (None,))[0]
            self._check(scope["method"], scope["path"], dict(scope["headers"]), server)
        except Refused as error:
            await answer.refuse(error.refusal)
            self._metrics.rejected.labels(error.refusal.code).inc()
        else:
            await self._serve(scope, receive, answer)
        self._count(scope["method"], scope["path"], answer.status or GONE, time.perf_counter() - begun)

    def turned_away(self, request: PlainRequest, server: str | None) -> Refusal | None:
        """What a request that is whole is refused with, by its headers and the queue; None: it has to be served, or to
        be told that the server ends. server: the address that was connected to."""
        if self.stopping:
            return None
        begun = time.perf_counter()
        try:
            self._check("POST", request.path, request.headers, server)
        except Refused as error:
            self._metrics.rejected.labels(error.refusal.code).inc()
            self._count("POST", request.path, error.refusal.status, time.perf_counter() - begun)
            return error.refusal
        return None

    async def _serve(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        self.under_way += 1
        if scope["method"] == "HEAD":  # answered like GET; what is below leaves the body out
            scope = {**scope, "method": "GET"}
        try:
            await self._app(scope, receive, answer)
        except Exception as error:  # a fault of the server's own, answered already; no log may have a text in it
            log.error("A request failed: %s", place_of(error))
        finally:
            self.under_way -= 1

    def _check(self, method: str, path: str, headers: Mapping[bytes, bytes], server: str | None) -> None:
        if not self._access.knows(headers.get(b"host", b""), server):
            raise Refused(WRONG_HOST)
        if path == ALWAYS:
            return
        if not self._access.opens(headers.get(b"authorization")):
            raise Refused(NO_KEY)
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > self._limits.body_bytes:
            raise Refused(TOO_LARGE)
        if path in COMPUTED and method == "POST":
            if self.stopping:
                raise Refused(stopping())
            self._engine.check_room()

    def _count(self, method: str, path: str, status: int, seconds: float) -> None:
        route = path if path in self._routes else "/reports" if path.startswith("/reports/") else OTHER
        self._metrics.requests.labels(route, str(status)).inc()
        # The path and the method that were sent may hold anything; these do not.
        named = method if method in METHODS and route != OTHER else "-"
        log.info("%s %s %d %.1f ms", named, route, status, 1000 * seconds)


class _Answer:
    """Where a response goes out; it notes the status and adds the headers that every response has."""

    def __init__(self, send: Send, closing: bool) -> None:
        self.status = 0
        self._send = send
        self._more: list[Header] = [(b"connection", b"close")] if closing else []

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = list(message.get("headers", ()))
            names = {name.lower() for name, _ in given}
            added = [header for header in (*SAFE_HEADERS, *self._more) if header[0] not in names]
            message = {**message, "headers": [*given, *added]}
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """Send a whole refusal."""
        await self({"type": "http.response.start", "status": refusal.status, "headers": refusal.all_headers})
        await self({"type": "http.response.body", "body": refusal.body})
