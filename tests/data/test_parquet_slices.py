"""Slices of a Parquet file: all rows once, whole row groups where they fit, and no row decoded twice in one go."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lightune.data import Cut, ParquetSlices
from lightune.data.parquet_slices import ParquetRows
from lightune.errors import DataError

MB = 2**20
WINDOWS = Cut()


def write(path: Path, groups: list[int], dictionary: bool = True) -> ParquetSlices:
    schema = pa.schema([("id", pa.int64()), ("text", pa.string()), ("kind", pa.dictionary(pa.int32(), pa.string()))])
    at = 0
    with pq.ParquetWriter(path, schema, use_dictionary=dictionary, write_page_checksum=True) as writer:
        for rows in groups:
            ids = list(range(at, at + rows))
            columns = [ids, [f"text {one}" for one in ids], [f"kind {one % 3}" for one in ids]]
            arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=max(rows, 1))
            at += rows
    return ParquetSlices(str(path), str(path))


def ids(file: ParquetSlices, begin: int, rows: int, cut: Cut = WINDOWS) -> list[int]:
    windows = list(file.slice_windows(begin, rows, cut))
    assert all(window.table.rows <= cut.rows for window in windows)
    return [one for window in windows for one in window.arrow.column("id").to_pylist()]


@pytest.mark.parametrize(
    ("groups", "most", "wanted"),
    [
        ([10, 10, 10], 20, [(0, 20), (20, 10)]),
        ([10, 25, 3, 3], 10, [(0, 10), (10, 8), (18, 8), (26, 9), (35, 6)]),
        ([5], 100, [(0, 5)]),
        ([0], 10, [(0, 0)]),
        ([], 10, [(0, 0)]),
    ],
)
def test_slices_are_whole_row_groups_or_parts_of_a_large_one(tmp_path, groups, most, wanted):
    assert write(tmp_path / "in.parquet", groups).slices(Cut(most, MB)) == wanted


@pytest.mark.parametrize("dictionary", [True, False])
def test_empty_row_groups_neither_add_rows_nor_take_any(tmp_path, dictionary):
    """Without a dictionary they have no bytes either."""
    file = write(tmp_path / "in.parquet", [0, 100, 0, 100, 0, 30, 0, 30], dictionary)
    slices = file.slices(Cut(60, MB))
    assert slices == [(0, 50), (50, 50), (100, 50), (150, 50), (200, 60)]
    assert [one for begin, rows in slices for one in ids(file, begin, rows)] == list(range(260))


def test_large_rows_make_slices_of_few(tmp_path):
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": [f"{at}" * 10_000 for at in range(10, 20)]}), path)
    file = ParquetSlices(str(path), str(path))
    assert [rows for _, rows in file.slices(Cut(100, 50_000))] == [2] * 5
    assert len(file.slices(Cut(100, 1))) == 10


def test_every_slice_in_any_order_has_its_rows(tmp_path):
    file = write(tmp_path / "in.parquet", [300, 1000, 7, 500])
    slices = file.slices(Cut(170, MB))
    assert [one for begin, rows in slices for one in ids(file, begin, rows)] == list(range(1807))
    random.Random(0).shuffle(slices)
    for begin, rows in slices:
        assert ids(file, begin, rows, Cut(50, MB)) == list(range(begin, begin + rows))


def test_values_and_dictionaries_are_those_of_the_file(tmp_path):
    file = write(tmp_path / "in.parquet", [300, 300])
    whole = pq.read_table(tmp_path / "in.parquet")
    parts = [window.arrow for at in range(0, 600, 40) for window in file.slice_windows(at, 40, Cut())]
    assert pa.concat_tables(parts).unify_dictionaries().to_pylist() == whole.to_pylist()
    assert parts[0].schema == whole.schema


def test_forward_it_is_read_in_one_go(tmp_path, monkeypatch):
    file = write(tmp_path / "in.parquet", [2000, 2000])
    opened = []
    plain = ParquetRows._batches
    monkeypatch.setattr(ParquetRows, "_batches", lambda self, groups: (opened.append(groups), plain(self, groups))[1])
    for begin in (0, 100, 1500):
        ids(file, begin, 10)
    assert len(opened) == 1
    ids(file, 2500, 10)  # in the next row group, so what lies before it need not be decoded
    assert list(opened[-1]) == [1]
    ids(file, 0, 10)
    assert len(opened) == 3


def test_digest_tells_of_other_values(tmp_path):
    first, other = write(tmp_path / "a.parquet", [10]), write(tmp_path / "b.parquet", [11])
    assert first.digest == write(tmp_path / "c.parquet", [10]).digest
    assert first.digest != other.digest


def test_what_is_harmed_is_a_sentence(tmp_path):
    write(tmp_path / "in.parquet", [400])
    data = bytearray((tmp_path / "in.parquet").read_bytes())
    data[200] ^= 255
    (tmp_path / "in.parquet").write_bytes(bytes(data))
    file = ParquetSlices("in.parquet", str(tmp_path / "in.parquet"))
    with pytest.raises(DataError, match=r"in\.parquet cannot be read as Parquet"):
        ids(file, 0, 400)
