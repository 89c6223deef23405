"""What the server takes at most, of each thing that a client could give it without end."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """texts, characters (of one text), models: of a request. body_bytes, header_bytes, chunks: of a request as it comes
    in. reading_bytes: of all bodies that are not whole yet. header_seconds, request_seconds: from a request's first
    byte to the end of its headers, and to its end. idle_seconds: without a request. write_seconds: for a client that
    takes nothing of its answer. connections: open at once. waiting: requests that are taken and not answered.
    wait_seconds: of estimated work that may come before a request that is taken. drain_seconds: for what was taken,
    after the server was asked to end.
    """

    texts: int = 32
    characters: int = 50_000
    models: int = 8
    body_bytes: int = 2 * MIB
    reading_bytes: int = 64 * MIB
    header_bytes: int = 16 * 2**10
    chunks: int = 2_000
    header_seconds: float = 4.0
    request_seconds: float = 8.0
    idle_seconds: float = 5.0
    write_seconds: float = 7.0
    connections: int = 1_000
    waiting: int = 128
    wait_seconds: float = 5.0
    drain_seconds: float = 9.0
