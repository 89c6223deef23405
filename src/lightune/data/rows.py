"""Row ids, and the exact way of rows to disk and back."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lightune.errors import DataError
from lightune.records import Rows
from lightune.whole import whole_file

_TEXT, _LABEL, _ID, _COLUMN = "text", "label", "row_id", "column:"


def row_ids(texts: Iterable[str]) -> tuple[str, ...]:
    """Return `<hash>-<occurrence>` for each text of a whole split, before any subset is drawn from it.

    hash: the first 16 hex digits of SHA-256 of the text's UTF-8 (lone surrogates pass). occurrence: how often the
    same text came before, so that ids are unique and a row keeps its id in every subset.
    """
    seen: Counter[str] = Counter()
    ids = []
    for text in texts:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        ids.append(f"{digest}-{seen[digest]}")
        seen[digest] += 1
    return tuple(ids)


def save_rows(rows: Rows, path: str | Path) -> None:
    """Write rows as Parquet: text, label (int64), row_id, and each further column as `column:NAME`.

    Strings that are not valid Unicode are written as bytes, so that `load_rows` gives back the same rows exactly.
    """
    columns = {
        _TEXT: _strings(rows.texts),
        _LABEL: pa.array(rows.labels, pa.int64()),
        _ID: _strings(rows.row_ids),
        **{_COLUMN + name: _strings(values) for name, values in rows.columns.items()},
    }
    with whole_file(Path(path)) as scratch:
        pq.write_table(pa.table(columns), scratch, compression="zstd")


def load_rows(path: str | Path) -> Rows:
    """Read what `save_rows` wrote. Raises DataError when the file is absent or something else."""
    try:
        table = pq.read_table(path)
        labels = table.column(_LABEL).to_numpy().astype(np.int64, casting="safe")
        return Rows(
            texts=_texts(table.column(_TEXT)),
            labels=labels,
            row_ids=_texts(table.column(_ID)),
            columns={
                name.removeprefix(_COLUMN): _texts(table.column(name))
                for name in table.column_names
                if name.startswith(_COLUMN)
            },
        )
    except (OSError, pa.ArrowException, KeyError, TypeError) as error:
        raise DataError(f"{path} does not hold rows that lightune wrote: {str(error).rstrip('.')}.") from error


def _strings(values: Sequence[str]) -> pa.Array:
    try:
        return pa.array(values, pa.large_string())
    except UnicodeEncodeError:  # a lone surrogate, which JSON can hold and UTF-8 cannot
        return pa.array([value.encode("utf-8", "surrogatepass") for value in values], pa.large_binary())


def _texts(column: pa.ChunkedArray) -> tuple[str, ...]:
    values = column.to_pylist()
    if pa.types.is_large_binary(column.type):
        return tuple(value.decode("utf-8", "surrogatepass") for value in values)
    return tuple(values)
