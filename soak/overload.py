"""More requests than can be computed: `python -m soak.overload [--short]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from soak.http import post
from soak.load import Load, Loading, quantile
from soak.served import make_study, real, serving
from soak.table import Line, finish, say
from soak.watch import Watch

FACTORS = (2, 5, 10)
# While the queue fills; what comes then is the steady state.
SETTLE = 3.0
CLIENTS = 8
REVIEW = "The plot is thin and the ending is a mess, but the music is lovely and I would see it again. " * 14
# As long as a review of a film is; two of them take some hundredths or tenths of a second.
TEXTS = 2
REQUEST = post("/v1/predict", {"texts": [f"{at} {REVIEW}" for at in range(TEXTS)]})


def capacity(port: int, seconds: float, sent: bytes = REQUEST) -> float:
    """Requests a second that clients get answered who wait for their answers, while /health is asked as it is later."""
    with Watch(port):
        return Loading(port, sent, seconds, at_once=CLIENTS).wait().rate(0.2 * seconds, seconds)


def overload(port: int, rate: float, seconds: float, sent: bytes = REQUEST) -> tuple[Load, Watch]:
    """What came of a constant rate, and of asking for /health meanwhile."""
    with Watch(port) as health:
        load = Loading(port, sent, seconds, rate=rate).wait()
    return load, health


def judged(load: Load, health: Watch, factor: int, able: float, seconds: float) -> list[Line]:
    """The lines of the table for one load."""
    name = f"overload {factor}x"
    # Without one 429 it was no overload, and shows nothing.
    statuses, late = load.statuses(), load.latencies()
    told = all(one.retry_after for one in load.got if one.status == 429)
    goodput = load.rate(min(SETTLE, seconds / 4), seconds) / able
    times = f"200 took {quantile(late, 0.5):.2f} s, p99 {quantile(late, 0.99):.2f} s"
    return [
        Line(name, "only 200, or 429 with Retry-After", f"{statuses}", set(statuses) == {"200", "429"} and told),
        Line(
            name,
            "goodput at least 90 % of capacity",
            f"{goodput:.0%} of {able:.1f} a second; {times}",
            goodput >= 0.9,
            timed=True,
        ),
        Line(
            name,
            "/health within 100 ms (p99)",
            f"{len(health.seconds)} asked, p99 {1000 * health.p99:.0f} ms, longest {1000 * health.worst:.0f} ms",
            health.p99 <= 0.1 and not health.bad,
            timed=True,
        ),
    ]


def run(work: Path, seconds: float = 60.0, factors: tuple[int, ...] = FACTORS, measure: float = 20.0) -> list[Line]:
    """Capacity, then each load for `seconds`, on a small study of the embedded model. Capacity is measured before each
    load and after the last; a load is held against the mean of the two beside it."""
    lines: list[Line] = []
    with serving(real(make_study(work / "study")), work / "overload.log") as server:
        before = capacity(server.port, measure)
        for factor in factors:
            say(f"overload: {factor} x {before:.1f} requests a second for {seconds:.0f} s")
            load, health = overload(server.port, factor * before, seconds)
            after = capacity(server.port, measure)
            lines += judged(load, health, factor, (before + after) / 2, seconds)
            before = after
    return lines


def main() -> int:
    """The command."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--short", action="store_true", help="10 s each")
    options = made.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return finish(run(Path(folder), *((10.0, FACTORS, 6.0) if options.short else ())))


if __name__ == "__main__":
    sys.exit(main())
