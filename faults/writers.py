"""Processes that race for one folder: `python -m faults.writers [--short]`.

In each round 8 processes ask for the same lock at the same moment. One must get it, and each of the others must be told
the number of that one. The winner is then killed with SIGKILL, and the lock must be free at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from soak.table import Line

from faults.command import command
from lightune.errors import ConfigError
from lightune.exports import exporting
from lightune.inference.batch.job import JobFolder
from lightune.study import StudyFolder
from lightune.study.study import writing_study

Hold = Callable[[], AbstractContextManager[None]]
RACERS, ROUNDS = 8, 50
LONGEST = 60


@dataclass(frozen=True)
class Round:
    """winners: who got the lock. named: how many of the others were told the winner's number. odd: what anything else
    said. freed: whether the lock could be taken once the winner was killed."""

    winners: int
    named: int
    odd: tuple[str, ...]
    freed: bool


def run(work: Path, short: bool = False) -> list[Line]:
    """The races for a study's folder, for a batch prediction's and for an export's."""
    rounds = 5 if short else ROUNDS
    held: dict[str, Hold] = {
        "a study or a search": lambda: writing_study(StudyFolder(work)),
        "a batch prediction": JobFolder(work / "out.csv").held,
        "an export": lambda: exporting._only_export(work / "export"),
    }
    return [_line(name, [race(hold) for _ in range(rounds)]) for name, hold in held.items()]


def _line(name: str, rounds: list[Round]) -> Line:
    one = sum(found.winners == 1 for found in rounds)
    named = sum(found.named for found in rounds)
    freed = sum(found.freed for found in rounds)
    losers = (RACERS - 1) * len(rounds)
    odd = [said for found in rounds for said in found.odd]
    seen = (
        f"{one} of {len(rounds)} rounds of {RACERS} with one winner, {named} of {losers} others told its number, "
        f"free after SIGKILL {freed} of {len(rounds)}{f'; {odd[0]}' if odd else ''}"
    )
    holds = one == freed == len(rounds) and named == losers and not odd
    return Line("writers", f"{name}: one process writes, the others hear which", seen, holds)


def race(hold: Hold, racers: int = RACERS) -> Round:
    """Have so many processes ask for what `hold` gives at the same moment, and kill whoever got it."""
    start, go = os.pipe()
    told, tell = os.pipe()
    children = [_racer(hold, start, go, tell) for _ in range(racers)]
    os.close(tell)
    os.close(start)
    os.close(go)  # the start: all of them see the end of this pipe
    with os.fdopen(told, encoding="utf-8") as heard:
        said = [heard.readline().rstrip("\n").split(" ", 2) for _ in range(racers)]
        winners = [pid for pid, what, *_ in said if what == "won"]
        named = sum(what == "refused" and f"process {winners[0]} (" in rest[0] for _, what, *rest in said if winners)
        odd = tuple(" ".join(rest) for _, what, *rest in said if what == "odd")
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return Round(len(winners), named, odd, _free(hold))


def _racer(hold: Hold, start: int, go: int, tell: int) -> int:
    child = os.fork()
    if child:
        return child
    try:
        signal.alarm(LONGEST)
        os.close(go)
        os.read(start, 1)
        pid = os.getpid()
        try:
            with hold():
                os.write(tell, f"{pid} won\n".encode())
                signal.pause()
        except ConfigError as error:
            os.write(tell, f"{pid} refused {error}\n".encode())
            signal.pause()
        except BaseException as error:
            os.write(tell, f"{pid} odd {type(error).__name__}: {error}\n".encode())
            signal.pause()
    finally:
        os._exit(1)


def _free(hold: Hold) -> bool:
    """Whether the lock can be had."""
    with contextlib.suppress(ConfigError), hold():
        return True
    return False


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    return command(__doc__, run, "5 rounds instead of 50", argv)


if __name__ == "__main__":
    sys.exit(main())
