"""Parquet, exact: strings as they are, other values as Python writes them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lightune.data.tables import BINARY, BOOLEAN, NESTED, NUMBER, TEXT, Part, Table, listing
from lightune.errors import DataError


def read_parquet(path: str, data: bytes) -> Table:
    """Read a Parquet file's bytes. Binary columns are named, their values are not kept.

    Names of ClassLabel columns come from the schema's "huggingface" metadata. Raises DataError naming the file.
    """
    try:
        # Checksums of pages are in few files; where they are, harm is found.
        with pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True) as file:
            check_columns(path, file.schema_arrow, file.metadata.num_rows)
            table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, error) from error
    made = as_table(path, table)
    return replace(made, columns=dict(made.columns))


def unreadable(path: str, error: Exception) -> DataError:
    """The error for a file that Arrow refuses, whose messages have several lines and at times bytes of the file."""
    said = " ".join("".join(c if c.isprintable() else " " for c in str(error)).split()).rstrip(".")
    return DataError(f"{path} cannot be read as Parquet: {said}.")


def check_columns(path: str, schema: pa.Schema, rows: int) -> None:
    """Raise DataError where two columns have one name, and where there are no rows."""
    names = schema.names
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DataError(f"{path} has more than one column named {listing(doubled)}: give each its own name.")
    if rows == 0:
        raise DataError(f"{path} has columns ({listing(names)}) but no rows.")


def as_table(path: str, table: pa.Table, first: int = 0) -> Table:
    """Write the values of `table` as text, those of a column when they are asked for. first: rows of the file that
    stand above it, for messages. Asking raises DataError where a value cannot be written."""
    kinds = {name: _kind(table.schema.field(name).type) for name in table.schema.names}
    columns = _Columns(path, table, kinds, first)
    return Table(columns, kinds, (Part(path, table.num_rows),), class_names(_declared(table.schema)))


class _Columns(Mapping[str, tuple[str | None, ...]]):
    """Columns of Arrow values that become text once they are asked for: the others may hold what no text can."""

    def __init__(self, path: str, table: pa.Table, kinds: Mapping[str, str], first: int) -> None:
        self._path, self._table, self._kinds, self._first = path, table, kinds, first
        self._made: dict[str, tuple[str | None, ...]] = {}

    def __getitem__(self, name: str) -> tuple[str | None, ...]:
        if name not in self._made:
            kind = self._kinds[name]
            self._made[name] = _values(self._path, name, self._table.column(name), kind, self._first)
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._kinds

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


def class_names(features: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the names of the ClassLabel columns among a data set's features, as `datasets` writes them in Parquet."""
    found = {}
    for name, feature in features.items():
        names = feature.get("names") if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" else None
        if isinstance(names, list):
            found[name] = tuple(str(label) for label in names)
    return found


def _declared(schema: pa.Schema) -> dict[str, Any]:
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    return features if isinstance(features, dict) else {}


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        return _kind(kind.value_type)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return TEXT
    if pa.types.is_boolean(kind):
        return BOOLEAN
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return NUMBER
    if pa.types.is_nested(kind):
        return NESTED
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return BINARY
    return BINARY if pa.types.is_binary_view(kind) else TEXT


def _values(path: str, name: str, column: pa.ChunkedArray, kind: str, first: int) -> tuple[str | None, ...]:
    if kind == BINARY:
        return (None,) * len(column)
    try:
        return _written(column, kind)
    except UnicodeDecodeError as error:
        row = next(row for row in range(len(column)) if not _decodes(column[row]))
        raise DataError(
            f"{path}, row {first + row + 1}: column {name!r} is not UTF-8. Write the file again."
        ) from error
    # Of a date that Python does not have, a time zone that is not there, a time that would lose its nanoseconds.
    except (pa.ArrowException, OverflowError, ValueError) as error:
        raise DataError(
            f"{path}: column {name!r} ({column.type}) holds a value that cannot be written as text: "
            f"{str(error).rstrip('.')}. Leave that column out, or keep the rows in Parquet."
        ) from error


def _written(column: pa.ChunkedArray, kind: str) -> tuple[str | None, ...]:
    if pa.types.is_time64(column.type) and column.type.unit == "ns":
        column = column.cast(pa.time64("us"))  # which raises for what Python's time would leave out in silence
    values = column.to_pylist()
    if kind == TEXT:
        return tuple(None if value is None else str(value) for value in values)
    if kind == NESTED:
        return tuple(None if v is None else json.dumps(v, ensure_ascii=False, default=str) for v in values)
    # A float32 0.1 is 0.1, not the 0.10000000149011612 that it becomes as a Python float.
    narrow = {"halffloat": np.float16, "float": np.float32}.get(str(column.type), lambda value: value)
    return tuple(None if value is None else str(narrow(value)) for value in values)


def _decodes(value: pa.Scalar) -> bool:
    try:
        value.as_py()
    except UnicodeDecodeError:
        return False
    return True
