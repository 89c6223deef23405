"""Memory that does not grow with the rows, from the input to the output."""

from __future__ import annotations

import tracemalloc

import pytest
from soak.kills import write_input

from lightune.data import Cut, row_sources
from lightune.inference import BatchRequest, predict_file


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_ten_times_the_rows_take_no_more_memory(bag, tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(row_sources, "_PIECE", 2**14)
    peaks = []
    for rows in (100, 1_000, 10_000):  # the first one loads what is loaded once
        given = write_input(tmp_path / f"in{rows}{suffix}", rows)
        request = BatchRequest({"": bag}, given, tmp_path / f"out{rows}{suffix}", cut=Cut(250, 2**20))
        tracemalloc.start()
        try:
            assert predict_file(request) == rows
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[2] < 1.3 * peaks[1]
