"""Every fault, one after the other, and one table: `python -m faults.all [--short]`, or `make faults` in full."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Protocol

from soak.table import Line, finish, say

from faults import artefacts, checkpoints, disk, inert, inputs, memory, searches, signals, studies, texts, writers


class Fault(Protocol):
    """A module of this package that is a command too."""

    def run(self, work: Path, short: bool = False) -> list[Line]:
        """Make it happen, in the folder `work`."""
        ...


FAULTS: dict[str, Fault] = {
    "checkpoints": checkpoints,
    "signals": signals,
    "memory": memory,
    "disk": disk,
    "writers": writers,
    "studies": studies,
    "searches": searches,
    "inputs": inputs,
    "texts": texts,
    "artefacts": artefacts,
    "inert": inert,
}


def main() -> int:
    """The command."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--short", action="store_true", help="some minutes instead of an hour")
    made.add_argument("--only", default=",".join(FAULTS), help="which, separated by commas")
    options = made.parse_args()
    lines: list[Line] = []
    for name in options.only.split(","):
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            lines += FAULTS[name].run(Path(folder), options.short)
        say(f"{name}: {time.monotonic() - begun:,.0f} s")
    return finish(lines)


if __name__ == "__main__":
    sys.exit(main())
