"""Generated tables through CSV, TSV, JSON lines and Parquet: what libraries write is read by lightune, and what it
writes is read by them."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from soak.table import Line

from lightune.data import Cut
from lightune.data.readers import read_table
from lightune.data.row_sources import open_rows
from lightune.inference.files import write_table

Rows = list[tuple[str, str]]
NAMES = ("text", "label")
# What readers like to take for something else.
TEMPTING = ["NA", "null", "None", "nan", "", " ", "001", "1", "1.0", "true", "2024-01-01", "\ufeffa", '"', "\\N", "=1"]
TEMPTING += ["e\u0301", "\u00e9", "a\nb", "a\r\nb", "\r", "\u2028", "\x85", "a,b", "a\tb", "\u202eab", "'", "#", "\x1a"]
# Surrogates are no Unicode: of these formats JSON alone can hold one. Text files hold no NUL.
CHARACTERS = {".jsonl": {}, ".parquet": {"exclude_categories": ("Cs",)}}
IN_TEXT = {"exclude_categories": ("Cs",), "exclude_characters": "\x00"}
ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet")
SMALL = Cut(3, 200)


@dataclass
class Trips:
    """made: tables that were written and read both ways. faults: what did not come back, by its ending."""

    made: int = 0
    faults: list[str] = field(default_factory=list)


def round_trips(work: Path, count: int) -> Line:
    """Send so many generated tables through the formats, a quarter of them each."""
    folder = work / "trips"
    folder.mkdir()
    trips = Trips()
    for ending in ENDINGS:
        _send(folder / f"table{ending}", math.ceil(count / len(ENDINGS)), trips)
    seen = f"{trips.made:,} tables, {len(trips.faults)} otherwise"
    seen += f" ({'; '.join(trips.faults)})" if trips.faults else ""
    return Line(
        "round trips",
        "any text and label comes back as it was, from libraries and to them",
        seen,
        not trips.faults and trips.made >= count,
    )


def _send(path: Path, count: int, trips: Trips) -> None:
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(tables(path.suffix))
    def sent(rows: Rows) -> None:
        trips.made += 1
        found = fault_of(path, rows)
        if found is not None:
            trips.faults.append(f"{path.suffix}: {found}")

    sent()


def tables(ending: str) -> st.SearchStrategy[Rows]:
    """Rows of a text and a label that a format can hold."""
    value = st.sampled_from(TEMPTING) | st.text(st.characters(**CHARACTERS.get(ending, IN_TEXT)), max_size=30)
    return st.lists(st.tuples(value, value), min_size=1, max_size=8)


def fault_of(path: Path, rows: Rows) -> str | None:
    """What did not come back; None: all of it did."""
    write, read = WRITERS[path.suffix], READERS[path.suffix]
    write(path, rows)
    table = read_table(path)
    whole = list(zip(*(table.columns[name] for name in NAMES), strict=True))
    windows = [
        row
        for window in open_rows(path).windows(SMALL)
        for row in zip(*(window.table.columns[name] for name in NAMES), strict=True)
    ]
    if whole != rows:
        return f"{rows!r} was read as {whole!r}"
    if windows != rows:
        return f"{rows!r} was read as {windows!r} in windows"
    ours = path.with_stem("ours")
    write_table(ours, dict(zip(NAMES, zip(*rows, strict=True), strict=True)))
    back = read(ours)
    return None if back == rows else f"{rows!r} was written, and is {back!r} to others"


def _write_delimited(delimiter: str) -> Callable[[Path, Rows], None]:
    def write(path: Path, rows: Rows) -> None:
        with path.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle, delimiter=delimiter, quoting=csv.QUOTE_ALL)
            writer.writerows([NAMES, *rows])

    return write


def _read_delimited(delimiter: str) -> Callable[[Path], Rows]:
    def read(path: Path) -> Rows:
        text = io.StringIO(path.read_bytes().decode(), newline="")
        header, *rows = csv.reader(text, delimiter=delimiter, strict=True)
        return [(row[0], row[1]) for row in rows] if tuple(header) == NAMES else []

    return read


def _write_json(path: Path, rows: Rows) -> None:
    path.write_text("".join(json.dumps(dict(zip(NAMES, row, strict=True))) + "\n" for row in rows), encoding="ascii")


def _read_json(path: Path) -> Rows:
    lines = path.read_bytes().decode().split("\n")[:-1]
    return [(row["text"], row["label"]) for row in map(json.loads, lines)]


def _write_parquet(path: Path, rows: Rows) -> None:
    texts, labels = zip(*rows, strict=True)
    pq.write_table(pa.table({"text": pa.array(texts), "label": pa.array(labels).dictionary_encode()}), path)


def _read_parquet(path: Path) -> Rows:
    return [(row["text"], row["label"]) for row in pq.read_table(path).to_pylist()]


WRITERS = {
    ".csv": _write_delimited(","),
    ".tsv": _write_delimited("\t"),
    ".jsonl": _write_json,
    ".parquet": _write_parquet,
}
READERS = {
    ".csv": _read_delimited(","),
    ".tsv": _read_delimited("\t"),
    ".jsonl": _read_json,
    ".parquet": _read_parquet,
}
