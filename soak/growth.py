"""Use without end: `python -m soak.growth [--short]`."""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from soak.http import HOST, post, request
from soak.served import ROOT, Served, fake, make_study, real, serving
from soak.table import Line, finish, say

MIB = 2**20
MOST_GROWTH = 20 * MIB
CLIENTS = 4
# Until then kernels are still made for widths that come for the first time, and kept.
WARM = 15_000
# What a client does in turn, on a connection that stays, and how it is answered: sound requests, wrong ones, and some
# that it hangs up on.
TEXT = "The plot is thin, but the music is lovely."
SENT = (
    (post("/v1/predict", {"text": TEXT, "models": ["lora"]}, close=False), b"200"),
    (request("GET", "/health", close=False), b"200"),
    (post("/v1/predict", {"texts": [TEXT, ""], "models": ["pretrained"], "top_k": 1}, close=False), b"200"),
    (post("/v1/predict", {"text": 1}, close=False), b"422"),
    (request("POST", "/v1/predict", b"{", close=False), b"400"),
    (request("GET", "/nowhere", close=False), b"404"),
    (request("GET", "/v1/models", close=False), b"200"),
    (request("GET", "/metrics", close=False), b"200"),
)
EXPLAINED = (post("/v1/explain", {"text": "Thin but lovely."}, close=False), b"200")
# One in so many requests is one to explain, and one is hung up on.
EXPLAIN_EVERY, HANG_UP_EVERY = 200, 50


@dataclass(frozen=True)
class Grown:
    """Bytes in memory and descriptors, after the warm-up and after each part; `requests` in all."""

    memory: tuple[int, ...]
    descriptors: tuple[int, ...]
    requests: int

    @property
    def growth(self) -> int:
        """Bytes at the end beyond those after the warm-up."""
        return self.memory[-1] - self.memory[0]


async def use(port: int, count: int, clients: int = CLIENTS) -> None:
    """Send `count` requests. Raises OSError or ValueError where the server does not answer."""
    await asyncio.gather(*(_client(port, count // clients, at) for at in range(clients)))


async def _client(port: int, count: int, number: int) -> None:
    reader, writer = await asyncio.open_connection(HOST, port)
    for at in range(number, number + count):
        sent, status = EXPLAINED if at % EXPLAIN_EVERY == 0 else SENT[at % len(SENT)]
        writer.write(sent)
        if at % HANG_UP_EVERY == 1:
            writer.transport.abort()
            reader, writer = await asyncio.open_connection(HOST, port)
            continue
        head = await reader.readuntil(b"\r\n\r\n")
        if (seen := head.split(b" ", 2)[1]) != status:
            raise ValueError(f"{status.decode()} is expected of request {at}, got {seen.decode()}.")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
    writer.transport.abort()


def watched(server: Served, count: int, warm: int, parts: int = 5) -> Grown:
    """Send `count` requests after `warm` others, and look at the process between the parts."""
    memory, descriptors = [], []
    for at, part in enumerate([warm, *([count // parts] * parts)]):
        say(f"growth: {part:,} requests, part {at} of {parts}")
        words = ["--port", str(server.port), "--requests", str(part)]
        subprocess.run([sys.executable, "-m", "soak.growth", *words], cwd=ROOT, check=True, timeout=1_800)
        time.sleep(1.0)  # for connections that were hung up on to be seen
        memory.append(server.memory_bytes())
        descriptors.append(server.descriptors())
    return Grown(tuple(memory), tuple(descriptors), count)


def lines_of(name: str, grown: Grown) -> list[Line]:
    """The lines of the table."""
    seen = f"{grown.growth / MIB:+.1f} MiB after {grown.requests:,} requests"
    opened = f"{grown.descriptors[0]} to {grown.descriptors[-1]}"
    return [
        Line(name, "at most 20 MiB after the warm-up", seen, grown.growth <= MOST_GROWTH),
        Line(name, "descriptors stay as many", opened, grown.descriptors[-1] <= grown.descriptors[0]),
    ]


def run(work: Path, count: int = 100_000, warm: int = WARM, control: int = 1_000) -> list[Line]:
    """A real server, and one that leaks on purpose, which must be found out."""
    with serving(real(make_study(work / "study")), work / "growth.log") as server:
        lines = lines_of("growth", watched(server, count, warm))
    leaking = leak(work, control)
    found = leaking.growth > MOST_GROWTH
    return [*lines, Line("growth, leaking", "is found out", f"{leaking.growth / MIB:+.1f} MiB", found)]


def leak(work: Path, count: int) -> Grown:
    """A server that keeps 1 MiB of each batch: requests that come together share one, so the batches are fewer."""
    with serving(fake(0.0, leak=MIB), work / "leak.log") as server:
        return watched(server, count, count // 5, parts=2)


def main() -> int:
    """The command; with --port it only sends requests."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--short", action="store_true", help="5,000 requests")
    made.add_argument("--port", type=int)
    made.add_argument("--requests", type=int, default=1_000)
    options = made.parse_args()
    if options.port is not None:
        asyncio.run(use(options.port, options.requests))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return finish(run(Path(folder), *((5_000, WARM, 1_000) if options.short else ())))


if __name__ == "__main__":
    sys.exit(main())
