"""Every fault and one table: `python -m faults.all [--short] [--at-once N]`, or `make faults` in full, two at once."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
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
    names = options.only.split(",")
    if options.at_once < 2:
        return finish([line for name in names for line in found(name, options.short)])
    # New processes: who forks must not have computed.
    with ProcessPoolExecutor(options.at_once, get_context("spawn"), max_tasks_per_child=1) as pool:
        return finish([line for lines in pool.map(found, names, repeat(options.short)) for line in lines])


def found(name: str, short: bool) -> list[Line]:
    """What came of one of them. One that breaks off has not held, and does not take the others along."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            lines = FAULTS[name].run(Path(folder), short)
        except Exception as error:  # whatever it is
            say(f"{name}: {traceback.format_exc()}")
            lines = [Line(name, "it comes to its end", f"{type(error).__name__}: {error}", holds=False)]
    say(f"{name}: {time.monotonic() - begun:,.0f} s")
    return lines


if __name__ == "__main__":
    sys.exit(main())
