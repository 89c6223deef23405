"""Memory that does not grow with the rows, from the input to the output."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from soak.kills import write_input

from lightune.data import Cut, row_sources
from lightune.inference import BatchRequest, predict_file
from tests.data.helpers import write_groups


@pytest.mark.full
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_ten_times_the_rows_take_no_more_memory(bag, tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(row_sources, "_PIECE", 2**14)
    traced, arrow = [], []
    for rows in (100, 1_000, 10_000):  # the first one loads what is loaded once
        given = write_input(tmp_path / f"in{rows}{suffix}", rows)
        if suffix == ".parquet":
            with_different_values(given)
        request = BatchRequest({"": bag}, given, tmp_path / f"out{rows}{suffix}", cut=Cut(250, 2**20))
        before, held = pa.total_allocated_bytes(), []
        tracemalloc.start()
        try:
            progress = lambda *_, to=held, on=before: to.append(pa.total_allocated_bytes() - on)  # noqa: E731
            assert predict_file(request, progress) == rows
            traced.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        arrow.append(max(held))  # which Python does not see
    assert traced[2] < 1.3 * traced[1]
    # Looked at while threads read ahead, the oftener the more rows there are; what grew with them would be ten times.
    assert arrow[2] <= 2 * arrow[1]


def with_different_values(path: Path, group: int = 1000) -> None:
    """Give the rows a column with a dictionary, in which no value stands twice."""
    table = pq.read_table(path)
    table = table.append_column("user", pa.array([f"user number {at:09}" for at in range(len(table))]))
    write_groups(path, table, "user", group)


@pytest.mark.full
def test_parts_do_not_grow_with_the_rows_of_a_row_group(bag, tmp_path):
    """As they are read, the values of each batch come with all those of its row group."""
    largest = []
    for group in (500, 4_000):
        given = write_input(tmp_path / "in.parquet", 4_000)
        with_different_values(given, group)
        sizes = []

        def look(phase, *_, to=sizes):
            if phase == "write":
                to.extend(part.stat().st_size for part in (tmp_path / "out.parquet.parts").glob("part-*"))

        predict_file(BatchRequest({"": bag}, given, tmp_path / "out.parquet", cut=Cut(250, 2**20)), look)
        largest.append(max(sizes))
        before, after = pq.read_table(given), pq.read_table(tmp_path / "out.parquet")
        assert after.schema.field("user").type == before.schema.field("user").type
        assert after.column("user").to_pylist() == before.column("user").to_pylist()
    assert largest[1] < 1.2 * largest[0]
