"""Tables written whole or not at all."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lightune.data import read_table
from lightune.errors import DataError
from lightune.inference import files as module
from lightune.inference.files import write_table

ROWS = [
    {"id": "001", "text": "the plot is dull", "note": "NA"},
    {"id": "1", "text": 'a "quoted" joy,\nover two lines', "note": "null"},
    {"id": "1.0", "text": "tab\there, and größer 👍", "note": " spaces "},
    {"id": "-0", "text": "the cast is brilliant", "note": "=1+1"},
    {"id": "1e5", "text": "the plot is dull", "note": "a,b;c"},
]
SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")


def write(path: Path, rows: list[dict]) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    return path


def read(path: Path) -> list[dict]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle, delimiter="\t" if path.suffix == ".tsv" else ","))


def test_a_write_that_breaks_off_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "out.csv").write_text("old")

    def broken(handle, *_):
        handle.write("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_rows", broken)
    with pytest.raises(DataError, match="No space left"):
        write_table(tmp_path / "out.csv", {"text": ["a"]})
    assert (tmp_path / "out.csv").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv"]


HALF = "odd \ud83d text"


def test_half_a_surrogate_pair_which_json_can_hold_is_kept_where_it_can_be(tmp_path):
    write_table(tmp_path / "out.jsonl", {"text": [HALF, "größer"]})
    assert [row["text"] for row in read(tmp_path / "out.jsonl")] == [HALF, "größer"]
    for suffix in (".csv", ".tsv", ".parquet"):
        with pytest.raises(DataError, match=r"\.jsonl"):
            write_table(tmp_path / f"out{suffix}", {"text": [HALF]})
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_a_lone_carriage_return_stays_inside_its_value(tmp_path, suffix):
    columns = {"text": ["one\rtwo", "three"], "label": ["a", "b"], "score": [0.5, None]}
    write_table(tmp_path / f"out{suffix}", columns)
    table = read_table(tmp_path / f"out{suffix}")
    assert list(table.columns["text"]) == columns["text"]
    assert list(table.columns["label"]) == columns["label"]
