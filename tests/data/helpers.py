"""Small data sets on disk, made for a test."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ADJECTIVES = ("grand", "dull", "bright", "slow", "warm", "cold", "odd", "fine", "loud", "calm")


def reviews(rows: int, labels: Sequence[str] = ("bad", "good"), start: int = 0) -> list[tuple[str, str]]:
    """Different texts, ordered by label as IMDb is, labels in equal parts."""
    texts = [f"Review {n}: the {ADJECTIVES[n % 10]} film number {n} of the year" for n in range(start, start + rows)]
    return [(text, labels[place * len(labels) // rows]) for place, text in enumerate(texts)]


def write_csv(path: Path, rows: Iterable[Sequence[str]], header: Sequence[str] = ("text", "label")) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",", lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return path


def write_jsonl(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_parquet(
    path: Path, columns: Mapping[str, object], class_names: Sequence[str] | None = None, label: str = "label"
) -> Path:
    """class_names: declared for the column `label`, as `datasets` writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(dict(columns))
    if class_names is not None:
        features = {label: {"names": list(class_names), "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path)
    return path


def write_groups(path: Path, table: pa.Table, column: str, rows: int) -> None:
    """Write row groups of so many rows, in each of which `column` has a dictionary of its own."""
    at = table.schema.get_field_index(column)
    field = pa.field(column, pa.dictionary(pa.int32(), pa.string()))
    with pq.ParquetWriter(path, table.schema.set(at, field)) as writer:
        for start in range(0, len(table), rows):
            group = table.slice(start, rows).combine_chunks()
            writer.write_table(group.set_column(at, field, group.column(at).dictionary_encode()))
