"""HTTP/1.1 by uvicorn and h11, with an end to everything that a client could draw out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from lightune.server.crowd import Crowd
from lightune.server.intake import BoundedConnection, Flow
from lightune.server.joined import JoinedTransport
from lightune.server.limits import MIB, Limits
from lightune.server.refusals import TOO_SLOW, Refusal, crowded, stopping
from lightune.server.shedding import PlainRequest, answer_to_plain, plain_request

# After a refusal the client may still be sending; if it were hung up on, the refusal could be lost on the way.
LINGER_SECONDS, LINGER_BYTES = 1.0, 4 * MIB
# How often, within `write_seconds`, it is looked at whether a client takes what is written.
LOOKS = 8
# Between an answer and the next request of a client who did not wait for it: whoever sends many at once would else hold
# up all others.
REST_SECONDS = 0.1
# For a request that was begun when the server was asked to end.
HURRY_SECONDS = 2.0


class Phase(Enum):
    """What a connection waits for: a request, the rest of its headers, the rest of its body, the server; or its end."""

    IDLE = auto()
    HEADERS = auto()
    BODY = auto()
    ANSWERING = auto()
    LINGERING = auto()
    CLOSED = auto()


@dataclass(frozen=True)
class Surroundings:
    """What all connections share. refused: hears of each refusal that no application sees. turned_away: says what a
    plain request to an address is refused with before an application sees it, None for nothing."""

    limits: Limits
    crowd: Crowd
    refused: Callable[[Refusal], None]
    turned_away: Callable[[PlainRequest, str | None], Refusal | None]


class DeadlineProtocol(H11Protocol):
    """uvicorn's protocol, with a deadline for whatever phase a connection is in but the server's own work, and another
    for what is written: as long as the client takes some of it now and then, it may take its time."""

    conn: BoundedConnection
    transport: JoinedTransport

    def __init__(self, *, around: Surroundings, **rest: Any) -> None:
        super().__init__(**rest)
        self.conn = BoundedConnection(around.limits)
        self._limits = around.limits
        self._around = around
        self._phase = Phase.IDLE
        self._since = 0.0
        self._fresh = True
        self._deadline: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None
        self._left = 0
        self._taken = 0.0
        self._discarded = 0
        self._resting = False

    @property
    def unanswered(self) -> bool:
        """Whether a request may be on its way that has had no answer."""
        answered = self.cycle is not None and self.cycle.response_complete
        return self._phase not in (Phase.LINGERING, Phase.CLOSED) and not answered

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        transport = JoinedTransport(transport, self.loop, self._lingers)
        super().connection_made(transport)
        self.flow = Flow(transport, self.conn)
        self._since = self.loop.time()
        transport.set_write_buffer_limits(high=0)  # writing is paused as long as anything is not taken
        if not self._around.crowd.enter(self):
            self._refuse(crowded())
            return
        self._until(self.loop.time() + self._limits.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._phase = Phase.CLOSED
        self._until(None)
        self._look_again(None)
        self._around.crowd.leave(self)
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def data_received(self, data: bytes) -> None:
        if self._phase is Phase.LINGERING:
            self._discarded += len(data)
            if self._discarded > LINGER_BYTES:
                self.transport.abort()
            return
        if self._phase is Phase.IDLE and self._shed(data):
            return
        super().data_received(data)
        self._settle()

    def _shed(self, data: bytes) -> bool:
        """Refuse a whole, plain request for which there is no room; whether that was done."""
        if self.flow.write_paused or (request := plain_request(data, self._limits.header_bytes)) is None:
            return False
        refusal = self._around.turned_away(request, self.server[0] if self.server else None)
        if refusal is None:
            return False
        self.transport.write(answer_to_plain(refusal, request.closing))
        if request.closing:
            self.transport.close()
        self._around.crowd.note(self, False)  # from now on the client is waited for anew
        self._fresh = False
        self._phase = self._seen()
        self._wait()
        return True

    def eof_received(self) -> None:
        """The client sends nothing more, and asyncio closes: what is answered already goes out first."""
        self.transport.flush()

    def handle_events(self) -> None:
        if not self._resting:
            super().handle_events()

    def on_response_complete(self) -> None:
        ends = self._phase is Phase.LINGERING or self.transport.is_closing()
        self._resting = not ends and bool(self.conn.trailing_data[0])
        super().on_response_complete()
        if self._resting:
            self.flow.pause_reading()
            self.loop.call_later(REST_SECONDS, self._go_on)
        self._settle()

    def _go_on(self) -> None:
        """Look at the next request, which came before the last one was answered."""
        self._resting = False
        if self._phase not in (Phase.LINGERING, Phase.CLOSED):
            self.flow.resume_reading()
            self.handle_events()
            self._settle()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        self._refuse(self.conn.fault)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._left, self._taken = self.transport.get_write_buffer_size(), self.loop.time()
        self._look_again(self._limits.write_seconds / LOOKS)
        self._wait()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._look_again(None)
        self._wait()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing: a connection without a request has a deadline here, which waits for the last answer to be taken."""

    def evict(self) -> None:
        """Make room for another connection."""
        self.transport.abort()

    def hurry(self) -> None:
        """The server ends: what is begun may be sent to its end, not for long."""
        if self._phase in (Phase.HEADERS, Phase.BODY):
            self._until(self.loop.time() + HURRY_SECONDS)

    def shutdown(self) -> None:
        """The server has ended: close."""
        if self._phase is Phase.BODY:
            self._refuse(stopping())
        elif self._phase is not Phase.LINGERING:
            self.transport.close()

    def _settle(self) -> None:
        """See which phase it is now, and set its deadline."""
        phase = self._seen()
        if phase is self._phase:
            return
        # Of the first request the time before its first byte counts too.
        if self._phase in (Phase.IDLE, Phase.ANSWERING) and not self._fresh:
            self._since = self.loop.time()
        self._fresh = False
        self._phase = phase
        self._wait()

    def _wait(self) -> None:
        """Set the phase's deadline, and note whether it is the client who is waited for."""
        phase, limits, untaken = self._phase, self._limits, self.flow.write_paused
        if phase is Phase.LINGERING:
            return
        self._around.crowd.note(self, untaken or phase in (Phase.IDLE, Phase.HEADERS, Phase.BODY))
        if phase is Phase.HEADERS:
            self._until(self._since + limits.header_seconds)
        elif phase is Phase.BODY:
            self._until(self._since + limits.request_seconds)
        elif phase is Phase.IDLE and not untaken:
            self._until(self.loop.time() + limits.idle_seconds)
        else:
            self._until(None)

    def _look_again(self, after: float | None) -> None:
        if self._look is not None:
            self._look.cancel()
        self._look = None if after is None else self.loop.call_later(after, self._look_at_client)

    def _look_at_client(self) -> None:
        """Hang up on a client that has taken nothing for too long."""
        left, now = self.transport.get_write_buffer_size(), self.loop.time()
        if left < self._left:
            self._left, self._taken = left, now
        if now - self._taken >= self._limits.write_seconds:
            self.transport.abort()
        else:
            self._look_again(self._limits.write_seconds / LOOKS)

    def _seen(self) -> Phase:
        if self._phase is Phase.LINGERING:
            return self._phase
        if self.transport.is_closing():
            return Phase.CLOSED
        theirs = self.conn.their_state
        if theirs is h11.IDLE:
            return Phase.HEADERS if self.conn.trailing_data[0] else Phase.IDLE
        return Phase.BODY if theirs is h11.SEND_BODY else Phase.ANSWERING

    def _until(self, when: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if when is None else self.loop.call_at(when, self._expired)

    def _expired(self) -> None:
        if self._phase in (Phase.HEADERS, Phase.BODY):
            self._refuse(TOO_SLOW)
        elif self._phase is Phase.IDLE:
            self.transport.close()
            self._settle()
        else:
            self.transport.abort()

    def _refuse(self, refusal: Refusal) -> None:
        """Say why, if nothing was said yet, and close; what still comes in is thrown away."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._say(refusal)
            self._around.refused(refusal)
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # the application hears that there is nobody to answer
            self.cycle.waiting_for_100_continue = False
            self.cycle.message_event.set()
        self._linger()

    def _lingers(self) -> bool:
        """Whether the connection ends by itself: a client that was refused may still be sending its body."""
        if self._phase is Phase.CLOSED or self.transport.is_closing():
            return False
        if self._phase is not Phase.LINGERING and self.conn.their_state is h11.SEND_BODY:
            self._linger()
        return self._phase is Phase.LINGERING

    def _linger(self) -> None:
        self.flow.resume_reading()
        self._phase = Phase.LINGERING
        self._around.crowd.note(self, True)
        self._until(self.loop.time() + LINGER_SECONDS)
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _say(self, refusal: Refusal) -> None:
        without_body = self.conn.head and self.conn.our_state is h11.SEND_RESPONSE
        headers = [*refusal.all_headers, (b"connection", b"close")]
        start = h11.Response(status_code=refusal.status, headers=headers, reason=STATUS_PHRASES[refusal.status])
        body = [] if without_body else [h11.Data(data=refusal.body)]
        try:
            said = [self.conn.send(event) or b"" for event in (start, *body, h11.EndOfMessage())]
        except h11.LocalProtocolError:  # nothing can be said any more; the connection is closed all the same
            return
        self.transport.write(b"".join(said))
