"""Sockets that send slowly, or nothing: `python -m soak.sockets [--short]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from soak.http import HOST
from soak.served import ROOT, fake, serving
from soak.table import Line, finish, say
from soak.watch import Watch

# What is sent at once, and what is then sent a byte a second.
HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
READ = b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
KINDS = {
    "idle": (b"", b""),
    "slow headers": (b"POST /v1/predict HTTP/1.1\r\n", b"X-Slow: " + b"a" * 3_600),
    "slow bodies": (HEAD + b"Content-Length: 100000\r\n\r\n", b'{"text": "' + b"a" * 3_600),
    # Who asks for much and takes nothing.
    "slow readers": (READ * 60, READ * 60),
    "slow chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 600),
}
SECONDS = 10.0
# Between two bytes of a slow socket.
EVERY = 1.0
# So many are opened a second: more at once would wait for one another.
OPENED = 500
# Each asks sixty times for a file: with more of them it would be the requests that weigh, not the slowness.
READERS = 60
SMALL = b'{"text": "A film.", "models": ["lora"]}'
SLOWER = 3.0


@dataclass(frozen=True)
class Held:
    """Seconds until each socket was closed, sorted; `still`: how many were open in the end; `never`: how many could not
    be opened."""

    seconds: tuple[float, ...]
    still: int
    never: int

    @property
    def longest(self) -> float:
        return max(self.seconds, default=0.0)


async def hold(port: int, kind: str, count: int, seconds: float = 3 * SECONDS) -> Held:
    """Open `count` sockets of a kind and wait until the server closes them."""
    closed: list[float] = []
    never: list[OSError] = []

    async def one(number: int) -> None:
        await asyncio.sleep(number / OPENED)
        begun = time.monotonic()
        first, slowly = KINDS[kind]
        reads = kind != "slow readers"
        try:
            reader, writer = await (asyncio.open_connection(HOST, port) if reads else without_reading(port))
        except OSError as error:
            never.append(error)
            return
        sending = asyncio.create_task(drip(writer, first, slowly))
        try:
            await (reader.read(-1) if reads else sending)
            closed.append(time.monotonic() - begun)
        except OSError:
            closed.append(time.monotonic() - begun)
        finally:
            sending.cancel()
            writer.transport.abort()

    tasks = [asyncio.create_task(one(number)) for number in range(count)]
    _, pending = await asyncio.wait(tasks, timeout=seconds)
    for task in pending:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return Held(tuple(sorted(closed)), count - len(closed) - len(never), len(never))


async def without_reading(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect with little room for what comes, and read nothing; that it was closed shows when a byte is sent."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.setblocking(False)
    await asyncio.get_running_loop().sock_connect(one, (HOST, port))
    return await asyncio.open_connection(sock=one, limit=1)


async def drip(writer: asyncio.StreamWriter, first: bytes, slowly: bytes) -> None:
    """Send `first`, then a byte a second."""
    try:
        writer.write(first)
        for at in range(len(slowly)):
            await asyncio.sleep(EVERY)
            writer.write(slowly[at : at + 1])
            await writer.drain()
    except OSError:
        return


def held(port: int, kind: str, count: int) -> Held:
    """`hold` in a process of its own."""
    words = ["--port", str(port), "--kind", kind, "--count", str(count)]
    done = subprocess.run(
        [sys.executable, "-m", "soak.sockets", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = json.loads(done.stdout)
    return Held(tuple(found["seconds"]), found["still"], found["never"])


def run(
    work: Path,
    count: int = 1_000,
    kinds: Sequence[str] = tuple(KINDS),
    quiet: float = 10.0,
    seconds_a_text: float = 0.01,
) -> list[Line]:
    """`count` sockets of each kind, while somebody asks for small predictions and for /health."""
    lines: list[Line] = []
    with serving(fake(seconds_a_text), work / "sockets.log") as server:
        with Watch(server.port, "/v1/predict", SMALL) as before:
            time.sleep(quiet)
        for kind in kinds:
            many = min(count, READERS) if kind == "slow readers" else count
            say(f"sockets: {many:,} {kind}")
            with Watch(server.port, "/v1/predict", SMALL) as others, Watch(server.port) as health:
                found = held(server.port, kind, many)
            lines += judged(kind, many, found, before, others, health)
        lines.append(Line("sockets", "the server goes on", f"{server.descriptors()} descriptors", server.running))
    return lines


def judged(kind: str, count: int, found: Held, before: Watch, others: Watch, health: Watch) -> list[Line]:
    """The lines of the table for one kind."""
    closed = f"{len(found.seconds):,} of {count:,} closed, the last after {found.longest:.1f} s"
    times = f"p99 {1000 * others.p99:.0f} ms, quiet {1000 * before.p99:.0f} ms; {len(others.seconds)} asked"
    healthy = f"{len(health.seconds)} asked, p99 {1000 * health.p99:.0f} ms, longest {1000 * health.worst:.0f} ms"
    return [
        Line(kind, "all closed", closed, found.still == found.never == 0),
        Line(kind, "closed within 10 s", closed, found.longest <= SECONDS, timed=True),
        Line(kind, "others are answered", f"{len(others.bad) + len(health.bad)} failed", not others.bad + health.bad),
        Line(kind, "others' p99 at most 3 x the quiet one", times, others.p99 <= SLOWER * before.p99, timed=True),
        Line(kind, "/health within 100 ms (p99)", healthy, health.p99 <= 0.1, timed=True),
    ]


def main() -> int:
    """The command; with --port it only holds sockets, for a server that runs already."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--short", action="store_true", help="200 of each kind")
    made.add_argument("--port", type=int)
    made.add_argument("--kind", choices=KINDS, default="idle")
    made.add_argument("--count", type=int, default=1_000)
    options = made.parse_args()
    if options.port is not None:
        found = asyncio.run(hold(options.port, options.kind, options.count))
        print(json.dumps(asdict(found)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return finish(run(Path(folder), 200 if options.short else 1_000))


if __name__ == "__main__":
    sys.exit(main())
