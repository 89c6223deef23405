"""Refusals at the least cost: a request that came whole, in one piece, without anything unusual, is told from its bytes
alone that it is not taken. h11, a task and the application would cost half as much again, many times a second, just
when there is too much to do. Whatever is unusual goes the long way, and is told the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES

from lightune.server.refusals import Refusal

_HEAD = re.compile(rb"POST (/[a-z0-9/]+) HTTP/1\.1\r\n((?:[A-Za-z0-9-]{1,64}: [!-~](?:[ -~]*[!-~])?\r\n)+)\r\n")
# With one of these a request is more than its headers and a body of their length.
_UNUSUAL = frozenset((b"transfer-encoding", b"expect", b"upgrade", b"te", b"trailer"))
_CLOSING = {b"": False, b"keep-alive": False, b"close": True}


@dataclass(frozen=True)
class PlainRequest:
    """A POST that came whole. headers: by lower-case name, each of which came once. closing: it is the connection's
    last."""

    path: str
    headers: dict[bytes, bytes]
    closing: bool


def plain_request(data: bytes, most: int) -> PlainRequest | None:
    """The request that `data` is, from its first byte to its last, where it is plain and its head has at most `most`
    bytes; None for whatever else."""
    found = _HEAD.match(data, 0, most)
    if found is None:
        return None
    lines = found[2][:-2].split(b"\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}
    length = headers.get(b"content-length", b"")
    closing = _CLOSING.get(headers.get(b"connection", b"").lower())
    if len(headers) != len(lines) or b"host" not in headers or not _UNUSUAL.isdisjoint(headers) or closing is None:
        return None
    if not length.isdigit() or len(length) > 9 or found.end() + int(length) != len(data):
        return None
    return PlainRequest(found[1].decode("ascii"), headers, closing)


@lru_cache(maxsize=256)
def answer_to_plain(refusal: Refusal, closing: bool) -> bytes:
    """The response that a plain request gets, as h11 writes it. closing: the connection ends with it."""
    connection = h11.Connection(h11.SERVER)
    last = b"Connection: close\r\n" if closing else b""
    connection.receive_data(b"POST / HTTP/1.1\r\nHost: a\r\n" + last + b"\r\n")
    for _ in ("the request", "its end"):
        connection.next_event()
    start = h11.Response(status_code=refusal.status, headers=refusal.all_headers, reason=STATUS_PHRASES[refusal.status])
    events = (start, h11.Data(data=refusal.body), h11.EndOfMessage())
    return b"".join(connection.send(event) or b"" for event in events)
