"""The table of results on disk: `python -m benchmarks.table FILE… [--markdown]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.common.results import read
from benchmarks.common.table import markdown, plain


def main() -> None:
    """The command."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("files", nargs="+", type=Path)
    made.add_argument("--markdown", action="store_true")
    options = made.parse_args()
    outcomes = [read(path) for path in options.files]
    print(markdown(outcomes) if options.markdown else plain(outcomes))


if __name__ == "__main__":
    main()
