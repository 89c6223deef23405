"""Rows as CSV and TSV: what each reader takes back for the same values."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import TextIO

from lightune.inference.spreadsheet import neutral


def write_rows(
    handle: TextIO, rows: Iterable[Sequence[str | float | None]], delimiter: str, safe: bool = False
) -> None:
    """Write rows of values. handle: a file with line ends as they are.

    safe: cells that a spreadsheet would run are made text, and all are quoted, so that one that splits at another
    character finds no cell inside them."""
    plain = csv.writer(handle, delimiter=delimiter, lineterminator="\n")
    # Before 3.13 the csv module leaves a lone carriage return unquoted, which every reader takes for a line's end.
    quoted = csv.writer(handle, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    for row in rows:
        if safe:
            quoted.writerow([neutral(value) if isinstance(value, str) else value for value in row])
        elif any(isinstance(value, str) and "\r" in value for value in row):
            quoted.writerow(row)
        else:
            plain.writerow(row)
