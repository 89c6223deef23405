"""Load in a process of its own: `python -m soak.load --port 8000 --rate 100 --seconds 10 --request FILE`.

Open model: requests are sent at a constant rate, whether or not earlier ones were answered, as many users would do.
`--at-once N` is the closed one: N clients that ask, wait for the answer and ask again. It finds out what a server can
do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from soak.http import Got, ask
from soak.served import ROOT

MOST = 200_000
MOST_OPEN = 4_000


@dataclass(frozen=True)
class Load:
    """What came of each request, and the second (monotonic clock) of the first one's turn."""

    begun: float
    got: tuple[Got, ...]

    def statuses(self) -> dict[str, int]:
        """How often each status, or each fault, came."""
        counted: dict[str, int] = {}
        for one in self.got:
            key = str(one.status) if one.status else one.fault
            counted[key] = counted.get(key, 0) + 1
        return dict(sorted(counted.items()))

    def rate(self, skip: float, seconds: float) -> float:
        """Answers of 200 a second between `skip` and `seconds` after the beginning."""
        first, last = self.begun + skip, self.begun + seconds
        return sum(one.status == 200 and first <= one.end < last for one in self.got) / (seconds - skip)

    def latencies(self, status: int = 200) -> list[float]:
        """Seconds that answers of `status` took, sorted."""
        return sorted(one.seconds for one in self.got if one.status == status)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of sorted `values` do not exceed."""
    return values[min(int(len(values) * share), len(values) - 1)] if values else float("nan")


async def open_load(port: int, sent: bytes, rate: float, seconds: float) -> Load:
    """Requests at a constant rate."""
    count = min(int(rate * seconds), MOST)
    begun = time.monotonic()
    tasks: set[asyncio.Task[Got]] = set()
    got: list[Got] = []
    for at in range(count):
        await asyncio.sleep(max(begun + at / rate - time.monotonic(), 0))
        if len(tasks) >= MOST_OPEN:
            raise RuntimeError(f"{MOST_OPEN:,} requests are open: the server answers too slowly for this load")
        task = asyncio.create_task(ask(port, sent))
        tasks.add(task)
        task.add_done_callback(lambda done: (tasks.discard(done), got.append(done.result())))
    while tasks:
        await asyncio.wait(tasks)
    return Load(begun, tuple(got))


async def closed_load(port: int, sent: bytes, at_once: int, seconds: float) -> Load:
    """Clients that ask again when they were answered."""
    begun = time.monotonic()
    got: list[Got] = []

    async def client() -> None:
        while time.monotonic() < begun + seconds and len(got) < MOST:
            got.append(await ask(port, sent))

    await asyncio.gather(*(client() for _ in range(at_once)))
    return Load(begun, tuple(got))


class Loading:
    """A load that a process of its own is at. Raises CalledProcessError from `wait` when that failed."""

    def __init__(
        self, port: int, sent: bytes, seconds: float, rate: float | None = None, at_once: int | None = None
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name)
        (path / "request").write_bytes(sent)
        how = ["--rate", str(rate)] if rate is not None else ["--at-once", str(at_once)]
        words = ["--port", str(port), "--seconds", str(seconds), "--request", str(path / "request")]
        self._command = [sys.executable, "-m", "soak.load", *words, *how, "--write", str(path / "got")]
        self._process = subprocess.Popen(self._command, cwd=ROOT, env={"PYTHONPATH": f"{ROOT}/src:{ROOT}"})
        self._seconds = seconds

    def wait(self) -> Load:
        """What came of it, when all is answered."""
        with self._folder as folder:
            if self._process.wait(self._seconds + 120):
                raise subprocess.CalledProcessError(self._process.returncode, self._command)
            found = json.loads((Path(folder) / "got").read_text())
        return Load(found["begun"], tuple(Got(**one) for one in found["got"]))


def main() -> None:
    """The command."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--port", type=int, required=True)
    made.add_argument("--rate", type=float, help="requests a second")
    made.add_argument("--at-once", type=int, help="clients of the closed model")
    made.add_argument("--seconds", type=float, required=True)
    made.add_argument("--request", type=Path, required=True, help="the bytes to send")
    made.add_argument("--write", type=Path, help="a file for what came of each request")
    options = made.parse_args()
    sent = options.request.read_bytes()
    if options.rate is not None:
        load = asyncio.run(open_load(options.port, sent, options.rate, options.seconds))
    else:
        load = asyncio.run(closed_load(options.port, sent, options.at_once or 1, options.seconds))
    if options.write is not None:
        options.write.write_text(json.dumps({"begun": load.begun, "got": [one.facts() for one in load.got]}))
    else:
        print(load.statuses())


if __name__ == "__main__":
    main()
