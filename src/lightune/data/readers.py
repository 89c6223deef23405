"""A file's name and bytes -> Table: which reader, and what is refused before one is tried."""

from __future__ import annotations

import os
from pathlib import Path

from lightune.data.delimited import read_delimited
from lightune.data.encoding import Utf8
from lightune.data.files import file_size
from lightune.data.json_lines import read_json, read_json_lines
from lightune.data.parquet import read_parquet
from lightune.data.tables import Table
from lightune.errors import DataError

EXTENSIONS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".tar", ".tgz", ".7z")


def read_table(path: str | Path) -> Table:
    """Read a CSV, TSV, JSON Lines, JSON or Parquet file with a header; the ending says which it is.

    Values are never altered: "001", "NA" and " 1" stay what they are. Raises DataError, naming the line where there
    is one, when the file is absent, not of a known kind, not UTF-8, or not exactly readable.
    """
    file = Path(os.path.expanduser(path))
    check_extension(file)
    file_size(file, str(path))
    try:
        data = file.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    return read_bytes(str(path), data)


def read_bytes(path: str, data: bytes) -> Table:
    """Read what `read_table` reads, from memory. `path` gives the ending, and is what messages name."""
    suffix = Path(path).suffix.lower()
    if not data.strip():
        raise DataError(f"{path} is empty: rows with a text and a label are expected.")
    if suffix == ".parquet":
        return read_parquet(path, data)
    data = Utf8(path, suffix).checked(data, last=True)
    if suffix in (".csv", ".tsv"):
        return read_delimited(path, data, "," if suffix == ".csv" else "\t")
    return read_json(path, data) if suffix == ".json" else read_json_lines(path, data)


def check_extension(path: Path) -> None:
    """Raise DataError when the ending is not one that can be read."""
    suffix = path.suffix.lower()
    if suffix in COMPRESSED:
        raise DataError(f"{path.name} is compressed, which is not supported: unpack it first.")
    if suffix not in EXTENSIONS:
        seen = f"ends in {suffix!r}" if suffix else "has no ending"
        raise DataError(f"{path.name} {seen}: a file that ends in {', '.join(EXTENSIONS)} is expected.")
