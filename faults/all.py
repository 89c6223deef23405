"""Every fault and one table: `python -m faults.all [--short] [--at-once N]`, or `make faults` in full, two at once."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import chain, repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

from soak.table import Line, finish, say

from faults import artefacts, checkpoints, disk, inert, inputs, memory, searches, signals, studies, texts, writers


class Fault(Protocol):
    """A module of this package that is a command too."""

    def run(self, work: Path, short: bool = False) -> list[Line]:
        """Make it happen, in the folder `work`."""
        ...


# The longest first, so that none is left alone in the end.
FAULTS: dict[str, Fault] = {
    "checkpoints": checkpoints,
    "disk": disk,
    "signals": signals,
    "studies": studies,
    "searches": searches,
    "texts": texts,
    "inputs": inputs,
    "writers": writers,
    "inert": inert,
    "memory": memory,
    "artefacts": artefacts,
}


def main() -> int:
    """The command."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--short", action="store_true", help="some minutes instead of an hour")
    made.add_argument("--only", default=",".join(FAULTS), help="which, separated by commas")
    made.add_argument("--at-once", type=int, default=1, help="so many beside each other, in processes of their own")
    options = made.parse_args()
    return finish(list(chain.from_iterable(_found(options.only.split(","), options.short, options.at_once))))


def _found(names: list[str], short: bool, at_once: int) -> Iterable[list[Line]]:
    if at_once == 1:
        return map(_one, names, repeat(short))
    # New processes: who forks must not have computed.
    with ProcessPoolExecutor(at_once, get_context("spawn"), max_tasks_per_child=1) as pool:
        return list(pool.map(_one, names, repeat(short)))


def _one(name: str, short: bool) -> list[Line]:
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        lines = FAULTS[name].run(Path(folder), short)
    say(f"{name}: {time.monotonic() - begun:,.0f} s")
    return lines


if __name__ == "__main__":
    sys.exit(main())
