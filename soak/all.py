"""Every check, one after the other, and one table: `python -m soak.all [--short]`; `make soak` runs them in full."""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from soak import growth, hostile, overload, shutdown, sockets
from soak.served import ROOT
from soak.table import Line, finish, say

FULL: dict[str, Callable[[Path], list[Line]]] = {
    "overload": overload.run,
    "sockets": sockets.run,
    "hostile": hostile.run,
    "shutdown": shutdown.run,
    "growth": growth.run,
}
SHORT: dict[str, Callable[[Path], list[Line]]] = {
    "overload": lambda work: overload.run(work, 10.0, measure=6.0),
    "sockets": lambda work: sockets.run(work, 200, quiet=5.0),
    "hostile": lambda work: hostile.run(work, 500),
    "shutdown": lambda work: shutdown.run(work, 3),
    "growth": lambda work: growth.run(work, 5_000),
}
# Checks of other verbs, by the module that runs them as a command.
COMMANDS = ("soak.kills",)


def main() -> int:
    """The command."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--short", action="store_true", help="some minutes instead of an hour")
    made.add_argument("--only", default=",".join(FULL), help="which, separated by commas")
    options = made.parse_args()
    lines: list[Line] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only.split(","):
            begun = time.monotonic()
            lines += (SHORT if options.short else FULL)[name](Path(folder))
            say(f"{name}: {time.monotonic() - begun:,.0f} s")
    codes = [_command(module, options.short) for module in COMMANDS if options.only == ",".join(FULL)]
    return max(finish(lines), *codes, 0)


def _command(module: str, short: bool) -> int:
    """Run a module that is there; it prints a table of its own."""
    if importlib.util.find_spec(module) is None:
        return 0
    return int(
        subprocess.run([sys.executable, "-m", module, *(["--short"] if short else [])], cwd=ROOT).returncode != 0
    )


if __name__ == "__main__":
    sys.exit(main())
