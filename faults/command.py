"""What each fault is as a command: `python -m faults.NAME [--short]`."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from soak.table import Line, finish


def command(doc: str | None, run: Callable[[Path, bool], list[Line]], short: str, argv: Sequence[str] | None) -> int:
    """Run a fault in a folder of its own and print its table; the exit code. short: what is left out by `--short`."""
    made = argparse.ArgumentParser(description=doc)
    made.add_argument("--short", action="store_true", help=short)
    options = made.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        return finish(run(Path(folder), options.short))
