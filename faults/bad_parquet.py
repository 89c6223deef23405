"""Parquet files, odd and broken, and what is to become of each."""

from __future__ import annotations

import datetime
import decimal
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from faults.cases import CSV, HUGE, LABELS, PLAIN, TEXTS, Case, bytes_of, refused, with_texts, xy

TYPED = {
    "when": pa.array([datetime.date(2024, 1, day) for day in range(1, 5)]),
    "price": pa.array([decimal.Decimal(value) for value in ("1.10", "2.00", "0.30", "4.44")]),
    "narrow": pa.array([0.1, 1.0, 1e-8, 3.0], pa.float32()),
    "large": pa.array([2**63 - 1, 2**53 + 1, -1, 0], pa.int64()),
    "kind": pa.array(["p", "q", "p", "q"]).dictionary_encode(),
    "tags": pa.array([["a"], [], None, ["b", "c"]]),
}
AS_TEXT = {
    "when": ("2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"),
    "price": ("1.10", "2.00", "0.30", "4.44"),
    "narrow": ("0.1", "1.0", "1e-08", "3.0"),
    "large": ("9223372036854775807", "9007199254740993", "-1", "0"),
    "kind": ("p", "q", "p", "q"),
    "tags": ('["a"]', "[]", None, '["b", "c"]'),
}


def table(columns: Mapping[str, Any], **options: Any) -> Callable[[Path], object]:
    """Write these columns."""
    return lambda path: pq.write_table(pa.table(dict(columns)), path, **options)


def _file() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": TEXTS, "label": LABELS}), buffer)
    return buffer.getvalue()


def _no_utf8(path: Path) -> None:
    texts = pa.Array.from_buffers(
        pa.string(), 4, [None, pa.array([0, 1, 2, 3, 4], pa.int32()).buffers()[1], pa.py_buffer(b"ab\xffd")]
    )
    pq.write_table(pa.table({"text": texts, "label": ["x", "y", "x", "y"]}), path)


def _same_names(path: Path) -> None:
    pq.write_table(pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]), path)


PARQUET = (
    Case("plain.parquet", bytes_of(_file()), PLAIN),
    Case("typed.parquet", table({"text": TEXTS, "label": LABELS, **TYPED}), {**PLAIN, **AS_TEXT}),
    Case(
        "null.parquet",
        table({"text": ["a", None, "\0", ""], "label": [*"xyxy"]}),
        {"text": ("a", None, "\0", ""), "label": (*"xyxy",)},
    ),
    Case(
        "labels-as-numbers.parquet",
        table({"text": TEXTS, "label": pa.array([1, 0, 1, 0], pa.int8())}),
        with_texts(*TEXTS, labels=(*"1010",)),
    ),
    Case("nested-text.parquet", table({"text": [{"a": "b"}] * 4, "label": LABELS}), refused("--text-column", "'text'")),
    Case(
        "several-labels.parquet",
        table({"text": TEXTS, "label": [["x"], ["y"], ["x", "y"], []]}),
        refused("several labels"),
        {"text": TEXTS, "label": ('["x"]', '["y"]', '["x", "y"]', "[]")},
    ),
    Case("binary-text.parquet", table({"text": [b"a", b"b"], "label": ["x", "y"]}), refused("--text-column", "'text'")),
    Case("compressed.parquet", table({"text": TEXTS, "label": LABELS}, compression="zstd"), PLAIN),
    Case("huge-cell.parquet", table({"text": [HUGE, "b", "c", "d"], "label": [*"xyxy"]}), xy(HUGE, *"bcd")),
    Case("large-strings.parquet", table({"text": pa.array(TEXTS, pa.large_string()), "label": LABELS}), PLAIN),
    Case(
        "no-rows.parquet",
        table({"text": pa.array([], pa.string()), "label": pa.array([], pa.string())}),
        refused("no rows"),
    ),
    Case("no-columns.parquet", table({}), refused("no-columns.parquet")),
    Case("same-names.parquet", _same_names, refused("more than one column", "'text'")),
    Case("truncated.parquet", bytes_of(_file()[:-20]), refused("cannot be read as Parquet")),
    Case("begun.parquet", bytes_of(_file()[:40]), refused("cannot be read as Parquet")),
    Case("flipped.parquet", bytes_of(_file()[:8] + b"\xff" * 40 + _file()[48:]), refused("cannot be read as Parquet")),
    Case("no-utf8.parquet", _no_utf8, refused("row 3", "'text'", "UTF-8")),
    Case("empty.parquet", bytes_of(b""), refused("empty")),
    Case("csv-in.parquet", bytes_of(CSV), refused("cannot be read as Parquet")),
    Case("parquet-in.csv", bytes_of(_file()), refused("holds Parquet")),
)
