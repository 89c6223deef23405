"""Tables as whole files, and what can be said against a file that is to be written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lightune.errors import ConfigError, DataError
from lightune.inference.writing import write_rows
from lightune.printable import json_line
from lightune.whole import whole_file

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")
Columns = Mapping[str, Sequence[str | float | None]]


def check_target(source: Path, target: Path, option: str = "--output") -> None:
    """Raise ConfigError, naming the option, when `target` cannot be written: before any work is done."""
    if target.suffix.lower() not in FORMATS:
        raise ConfigError(f"{option} {target}: a file that ends in {', '.join(FORMATS)} is expected.")
    place = Path(os.path.realpath(target))  # unlike Path.resolve it takes a link that leads to itself
    if place.is_symlink():
        raise ConfigError(f"{option} {target}: a file is expected, but it is a link that leads back to itself.")
    if str(place) == os.path.realpath(source):
        raise ConfigError(f"{option} {target}: another file than the input is expected; it would be overwritten.")
    if not place.parent.is_dir():
        folder = (place if target.is_symlink() else target).parent
        raise ConfigError(f"{option} {target}: the folder {folder} does not exist; make it first.")
    if target.is_dir():
        raise ConfigError(f"{option} {target}: a file is expected, but it is a folder.")


def write_table(path: Path, columns: Columns) -> None:
    """Write columns of equal length as CSV, TSV, JSON lines or Parquet, by the ending, whole or not at all."""
    try:
        with whole_file(path) as scratch:
            _write(path.suffix.lower(), scratch, columns)
    except UnicodeEncodeError as error:
        raise DataError(
            f"{path} cannot be written: a value holds half a surrogate pair, which is no Unicode. Name a .jsonl file, "
            "where it can be escaped."
        ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}.") from error


def _write(ending: str, scratch: Path, columns: Columns) -> None:
    if ending == ".parquet":
        pq.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), scratch)
    elif ending == ".jsonl":
        _write_json_lines(scratch, columns)
    else:
        with scratch.open("w", encoding="utf-8", newline="") as handle:
            rows = (tuple(columns), *zip(*columns.values(), strict=True))
            write_rows(handle, rows, "\t" if ending == ".tsv" else ",")


def _write_json_lines(path: Path, columns: Columns) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as handle:
        for row in zip(*columns.values(), strict=True):
            handle.write(json_line(dict(zip(columns, row, strict=True))) + "\n")


def free_name(name: str, taken: Mapping[str, object]) -> str:
    """Return the name of a new column: `name`, with `predicted_` before it as often as it is taken."""
    while name in taken:
        name = f"predicted_{name}"
    return name
