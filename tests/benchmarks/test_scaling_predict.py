"""What the benchmark of a folder's prediction says of its turns."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from benchmarks.scaling_predict import ONE, RAY_1, RAY_2, TWO, Taken

from benchmarks import scaling_predict as module


def turns(on_ray: float) -> dict[str, list[list[Taken]]]:
    """Two turns, the second on a machine that is half as fast."""
    speeds = {ONE: [100.0], TWO: [90.0, 90.0], RAY_1: [on_ray], RAY_2: [2 * on_ray]}
    return {
        side: [[Taken(1000, slower * 1000 / one, 5.0) for one in each] for slower in (1, 2)]
        for side, each in speeds.items()
    }


def test_shares_are_of_one_process_in_the_same_turn(capsys):
    assert module.report(turns(95.0)) == 0
    said = capsys.readouterr().out
    assert "| one process | 75.0 | 1.00 | 5.0 |" in said
    assert "| two processes | 135.0 | 0.90 | 5.0 |" in said
    assert "| Ray, 2 workers | 142.5 | 0.95 | 5.0 |" in said
    assert "Ray keeps 0.95" in said
    assert module.report(turns(80.0)) == 1


def made(work, side: str, rows: list[int], p: float) -> None:
    (work / f"{side}-0-in").mkdir()
    table = pa.table({"id": rows, "label": ["good"] * len(rows), "p_good": [p] * len(rows)})
    pq.write_table(table, work / f"{side}-0-in" / "00-00000.parquet")


@pytest.mark.parametrize(("rows", "p"), [([1, 2], 0.5), ([1, 2, 2], 0.5), ([1], 0.5), ([1, 2], 0.50002)])
def test_rows_and_answers_that_differ_are_found(tmp_path, rows, p):
    for side in (ONE, TWO, RAY_1):
        made(tmp_path, side, [1, 2], 0.500001)
    made(tmp_path, RAY_2, rows, p)
    if (rows, p) == ([1, 2], 0.5):
        module.compare(tmp_path)
    else:
        with pytest.raises(RuntimeError, match=RAY_2):
            module.compare(tmp_path)


def test_both_halves_are_all_rows(tmp_path):
    module.write_input(tmp_path, 100, 5)
    halves = [pq.read_table(tmp_path / "in" / f"half={at}").num_rows for at in (0, 1)]
    assert sum(halves) == 100
    assert min(halves) >= 48
