from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from lightune import predictions as module
from lightune.predictions import read_predictions, write_predictions
from lightune.records import Predictions

ODD = ("", "seed", "p_x", "x", "label", "größer\n als", "a,b", "'\"", "👍", "NA", "001")


def _made(names=("bad", "good"), rows=5, **changes):
    rng = np.random.default_rng(0)
    values = rng.random((rows, len(names))) + 1e-3
    made = Predictions(
        arm="lora",
        split="test",
        train_size=10,
        seed=0,
        label_names=names,
        row_ids=tuple(f"{row:016x}-0" for row in range(rows)),
        labels=rng.integers(0, len(names), rows),
        probabilities=values / values.sum(axis=1, keepdims=True),
    )
    return replace(made, **changes)


def _assert_same(one, other):
    assert (one.arm, one.split, one.train_size, one.seed) == (other.arm, other.split, other.train_size, other.seed)
    assert (one.label_names, one.row_ids) == (other.label_names, other.row_ids)
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.probabilities, other.probabilities)


@pytest.mark.parametrize("names", [("bad", "good"), ODD, tuple(reversed(ODD))], ids=["plain", "odd", "odd reversed"])
def test_predictions_come_back_exactly_as_they_were(tmp_path, names):
    made = _made(names, rows=40)
    write_predictions(tmp_path / "new" / "lora.parquet", "lora", [made])
    (again,) = read_predictions(tmp_path / "new" / "lora.parquet")
    _assert_same(again, made)


def test_several_splits_seeds_and_sizes_come_back_each_by_itself_and_in_order(tmp_path):
    parts = [
        _made(seed=1),
        _made(seed=0, split="handwritten", rows=3),
        _made(seed=0),
        _made(seed=0, train_size=20),
    ]
    write_predictions(tmp_path / "lora.parquet", "lora", parts)
    again = read_predictions(tmp_path / "lora.parquet")
    assert len(again) == len(parts)
    for one, other in zip(again, parts, strict=True):
        _assert_same(one, other)


def test_the_columns_are_those_of_the_contract(tmp_path):
    write_predictions(tmp_path / "x.parquet", "x", [_made(("no", "yes"))])
    table = pq.read_table(tmp_path / "x.parquet")
    assert table.column_names == ["row_id", "split", "train_size", "seed", "label", "p_no", "p_yes"]
    assert [str(field.type) for field in table.schema] == [
        "string",
        "string",
        "int64",
        "int64",
        "string",
        *["double"] * 2,
    ]
    assert set(table["label"].to_pylist()) <= {"no", "yes"}


def test_a_write_that_breaks_off_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "lora.parquet"
    write_predictions(path, "lora", [_made()])

    def broken(table, target, **_):
        target.write_bytes(b"half")
        raise OSError("no room")

    monkeypatch.setattr(module.pq, "write_table", broken)
    with pytest.raises(OSError, match="no room"):
        write_predictions(path, "lora", [_made(seed=9)])
    assert [one.name for one in tmp_path.iterdir()] == ["lora.parquet"]
    assert read_predictions(path)[0].seed == 0
