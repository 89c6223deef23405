"""Servers that are told to stop while requests come in: `python -m soak.shutdown [--short]`."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from soak.http import REFUSED, Got, ask, post
from soak.load import Load, Loading
from soak.served import Ended, fake, make_study, real, serving
from soak.sockets import KINDS, drip
from soak.table import Line, finish, say

SECONDS = 15.0
RATE = 30.0
SENT = post("/v1/predict", {"texts": ["The plot is thin, but the music is lovely."] * 4})
ANSWERS = {200, 429, 503}
# From sending a request until the server has seen it.
MARGIN = 0.5


def stopped(
    words: Sequence[str], errors: Path, after: float, rate: float = RATE, slow: int = 5
) -> tuple[Load, Ended, float, list[Got]]:
    """Start a server, send requests at a constant rate, and SIGTERM it after so many seconds; `slow` sockets with slow
    bodies are open then. Returns the load, how the server ended, when the signal was sent, and what requests in the
    drain were told."""
    with serving(words, errors) as server:
        loading = Loading(server.port, SENT, after + 3.0, rate=rate)

        async def stop() -> tuple[Ended, float, list[Got]]:
            connections = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(slow)]
            dripping = [asyncio.create_task(drip(writer, *KINDS["slow bodies"])) for _, writer in connections]
            await asyncio.sleep(after)
            since = server.signal()
            await asyncio.sleep(0.3)
            late = [await ask(server.port, SENT) for _ in range(3)]
            ended = await asyncio.to_thread(server.ended, since)
            for task in dripping:
                task.cancel()
            for _, writer in connections:
                writer.transport.abort()
            return ended, since, late

        ended, since, late = asyncio.run(stop())
        return loading.wait(), ended, since, late


def unanswered(load: Load, signalled: float) -> list[Got]:
    """Requests that the server took and did not answer. Those that found nobody to connect to after the signal are
    none, and neither are those that were told 503 because they came with the signal or after it."""
    return [
        one
        for one in load.got
        if (one.status not in ANSWERS and not (one.fault == REFUSED and one.start >= signalled))
        or (one.status == 503 and one.start < signalled - MARGIN)
    ]


def run(work: Path, times: int = 30, seed: int = 0, quick: bool = False) -> list[Line]:
    """Servers stopped after some random tenths of a second of load. quick: without a model."""
    chance = random.Random(seed)
    words = fake(0.01) if quick else real(make_study(work / "study"))
    got: dict[str, int] = {}
    lost, codes, longest, came_late = 0, [], 0.0, list[Got]()
    for at in range(times):
        say(f"shutdown: {at + 1} of {times}")
        load, ended, since, late = stopped(words, work / "shutdown.log", 0.5 + 2 * chance.random())
        lost += len(unanswered(load, since))
        codes.append(ended.code)
        longest = max(longest, ended.seconds)
        came_late += late
        for status, count in load.statuses().items():
            got[status] = got.get(status, 0) + count
    return [
        Line("shutdown", "what was taken is answered", f"{times} signals, {got}; {lost} lost", lost == 0),
        Line("shutdown", "exit code 0", f"{sorted(set(codes))}", set(codes) == {0}),
        Line("shutdown", "ends within 15 s", f"the longest took {longest:.1f} s", longest <= SECONDS, timed=True),
        judged_late(came_late),
    ]


def judged_late(late: Sequence[Got]) -> Line:
    """Whether what came after the signal was refused in words; servers that had ended by then show nothing, and one at
    least has to."""
    told = sum(one.status == 503 and one.retry_after for one in late)
    nobody = sum(one.status == 0 for one in late)
    seen = f"{told} of {len(late)} did, {nobody} found no server"
    return Line("shutdown", "new requests get 503 with Retry-After", seen, told > 0 and told + nobody == len(late))


def main() -> int:
    """The command."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--short", action="store_true", help="3 signals")
    options = made.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        code = finish(run(Path(folder), 3 if options.short else 30))
    say(f"{time.monotonic() - begun:.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main())
