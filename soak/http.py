"""The least of an HTTP client: one request a connection, and all that can come of it told apart."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict, dataclass
from typing import Any

HOST = "127.0.0.1"
# What came of a request that got no status.
REFUSED, BROKEN, TIMEOUT = "connection refused", "closed without an answer", "no answer in time"


@dataclass(frozen=True)
class Got:
    """start: when it was sent, seconds of the monotonic clock. status: 0 where there was none, and `fault` says why."""

    start: float
    seconds: float
    status: int
    retry_after: bool = False
    fault: str = ""
    body: bytes = b""

    @property
    def end(self) -> float:
        return self.start + self.seconds

    def facts(self) -> dict[str, Any]:
        """For JSON, without the body."""
        return {name: value for name, value in asdict(self).items() if name != "body"}


def post(path: str, value: Any, close: bool = True) -> bytes:
    """The bytes of a POST of JSON."""
    body = json.dumps(value).encode()
    return request("POST", path, body, close)


def request(method: str, path: str, body: bytes = b"", close: bool = True) -> bytes:
    """The bytes of a request."""
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    end = "Connection: close\r\n" if close else ""
    return f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{kind}{end}\r\n".encode() + body


async def ask(port: int, sent: bytes, seconds: float = 40.0) -> Got:
    """Send a request on a connection of its own and read all that comes back."""
    start = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(sent)
                return parsed(start, await reader.read(-1))
            finally:
                writer.transport.abort()
    except ConnectionRefusedError:
        return Got(start, time.monotonic() - start, 0, fault=REFUSED)
    except TimeoutError:
        return Got(start, time.monotonic() - start, 0, fault=TIMEOUT)
    except OSError:
        return Got(start, time.monotonic() - start, 0, fault=BROKEN)


def parsed(start: float, answer: bytes) -> Got:
    """What a whole response says."""
    seconds = time.monotonic() - start
    head, gap, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if not gap or len(words) < 2 or not words[1].isdigit():
        return Got(start, seconds, 0, fault=BROKEN)
    return Got(start, seconds, int(words[1]), b"\r\nretry-after:" in head.lower(), body=body)
