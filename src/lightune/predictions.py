"""Saved predictions: one Parquet file an arm, a row for each text, split, train size and seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lightune.records import Predictions
from lightune.whole import whole_file

PROBABILITY = "p_"


def write_predictions(path: Path, arm: str, predictions: Sequence[Predictions]) -> None:
    """Write `predictions` (at least one, all of the same labels) to `path`, whole or not at all.

    Columns: row_id, split, train_size, seed, label (the true one by name), and `p_<label>` for each label.
    """
    tables = [_table(part) for part in predictions]
    names = list(predictions[0].label_names)
    metadata = {b"arm": arm.encode(), b"label_names": "\x1f".join(names).encode("utf-8", "surrogatepass")}
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as scratch:
        pq.write_table(pa.concat_tables(tables).replace_schema_metadata(metadata), scratch, compression="zstd")


def read_predictions(path: Path) -> tuple[Predictions, ...]:
    """Read what `write_predictions` wrote: a record for each split, train size and seed, in the order they came in."""
    table = pq.read_table(path)
    names = tuple(name.removeprefix(PROBABILITY) for name in table.column_names if name.startswith(PROBABILITY))
    arm = (table.schema.metadata or {}).get(b"arm", path.stem.encode()).decode()
    keys = list(dict.fromkeys(zip(*(table[name].to_pylist() for name in ("split", "train_size", "seed")), strict=True)))
    return tuple(_select(table, arm, names, *key) for key in keys)


def _table(part: Predictions) -> pa.Table:
    rows = len(part.row_ids)
    columns = {
        "row_id": pa.array(part.row_ids, pa.string()),
        "split": pa.array([part.split] * rows, pa.string()),
        "train_size": pa.array([part.train_size] * rows, pa.int64()),
        "seed": pa.array([part.seed] * rows, pa.int64()),
        "label": pa.array([part.label_names[label] for label in part.labels], pa.string()),
    }
    for at, name in enumerate(part.label_names):
        columns[f"{PROBABILITY}{name}"] = pa.array(part.probabilities[:, at], pa.float64())
    return pa.table(columns)


def _select(table: pa.Table, arm: str, names: tuple[str, ...], split: str, size: int, seed: int) -> Predictions:
    wanted = pc.and_(
        pc.equal(table["split"], split), pc.and_(pc.equal(table["train_size"], size), pc.equal(table["seed"], seed))
    )
    chosen = table.filter(wanted)
    index = {name: at for at, name in enumerate(names)}
    return Predictions(
        arm=arm,
        split=split,
        train_size=size,
        seed=seed,
        label_names=names,
        row_ids=tuple(chosen["row_id"].to_pylist()),
        labels=np.asarray([index[label] for label in chosen["label"].to_pylist()], dtype=np.int64),
        probabilities=np.column_stack([chosen[f"{PROBABILITY}{name}"].to_numpy() for name in names]),
    )
