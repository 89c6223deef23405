"""Windows: the same rows, lines and refusals as a file read whole, whatever the pieces it is read in."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lightune.data import Cut, open_rows, parquet_windows, read_table, row_sources, survey
from lightune.data import delimited_rows as rows_module
from lightune.data import json_lines as json_module
from lightune.data.arrow_sizes import row_sizes
from lightune.data.delimited import delimited_windows
from lightune.data.readers import read_bytes
from lightune.data.windows import Filling
from lightune.errors import DataError

from .helpers import write_groups, write_parquet
from .test_readers import REFUSED, TRICKY

CUTS = (Cut(), Cut(3, 10**9), Cut(10**9, 40), Cut(1, 1))
CELLS = st.text(st.sampled_from('ab,;"\r\n\té🎬 ='), max_size=6)
TABLES = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=8)
)
SAMPLES = {
    "t.csv": b'text,n\n"a\nb",1\n\nc,2\r\n"x\r\ny",3\n\xc3\xa9\xf0\x9f\x8e\xac,""\nz,4',
    "bom.csv": b"\xef\xbb\xbftext,n\na,1\nb,2\n",
    "one.csv": b"text\n\na\n\n\nb\n\n\n",
    "bare.tsv": b'text\tn\n"good" he said\t1\n"open\t0\nlast\t2\n',
    "quoted.tsv": b'text\tn\n"a\tb"\t1\n"c""d"\t2\n',
    "t.jsonl": b'{"text": "a", "x": 1.0}\n\n {"text": null, "y": {"k": [1e400]}} \r\n{"x": "7"}',
    "lines.json": b'{"text": "a"}\n{"text": "b", "n": 1}\n',
    "array.json": b'[ {"text": "a",\n "n": 1.0} ,\n{"text": "b"}, {}\n]',
}


def together(windows, name):
    return tuple(value for one in windows for value in one.table.columns.get(name, (None,) * one.table.rows))


def assert_the_same(source, whole):
    for cut in CUTS:
        windows = list(source.windows(cut))
        seen = survey(source, cut)
        assert (seen.rows, seen.windows) == (whole.rows, len(windows))
        assert list(seen.columns) == list(whole.columns)
        assert seen.columns == whole.kinds
        for name in whole.columns:
            assert together(windows, name) == whole.columns[name]
        if whole.line_numbers is not None:
            assert tuple(line for one in windows for line in one.table.line_numbers) == whole.line_numbers
        assert all(one.table.rows <= cut.rows for one in windows)
        assert [one.read for one in windows] == sorted(one.read for one in windows)


@pytest.mark.parametrize("piece", [8, 11, 2**20])
@pytest.mark.parametrize("name", SAMPLES)
def test_windows_are_the_rows_of_the_file_read_whole(tmp_path, monkeypatch, name, piece):
    monkeypatch.setattr(row_sources, "_PIECE", piece)
    path = tmp_path / name
    path.write_bytes(SAMPLES[name])
    assert_the_same(open_rows(path), read_table(path))


@pytest.mark.full
def test_windows_of_a_parquet_file_keep_its_arrow_values(tmp_path):
    columns = {
        "text": TRICKY * 20,
        "i": pa.array([1, None] * (10 * len(TRICKY)), pa.int8()),
        "d": pa.array(TRICKY * 20).dictionary_encode(),
        "o": pa.DictionaryArray.from_arrays(pa.array([1, 0] * (10 * len(TRICKY))), ["low", "high"], ordered=True),
        "l": [["a"], []] * (10 * len(TRICKY)),
        "raw": [b"\xff", None] * (10 * len(TRICKY)),
        "fixed": pa.array([b"ab", None] * (10 * len(TRICKY)), pa.binary(2)),
    }
    path = write_parquet(tmp_path / "t.parquet", columns, class_names=("a",))
    pq.write_table(pq.read_table(path), path, row_group_size=100)
    source = open_rows(path)
    assert_the_same(source, read_table(path))
    for cut in CUTS:
        found = pa.concat_tables(one.arrow for one in source.windows(cut))
        before = pq.read_table(path)
        assert found.schema.equals(before.schema, check_metadata=True)
        assert found.drop(["d"]).equals(before.drop(["d"]))
        assert found.column("d").to_pylist() == before.column("d").to_pylist()


def test_a_column_that_can_be_no_text_is_a_sentence_once_it_is_asked_for(tmp_path):
    path = write_parquet(tmp_path / "t.parquet", {"text": ["a"], "far": pa.array([4 * 10**17], pa.timestamp("us"))})
    (window,) = open_rows(path).windows(Cut())
    assert window.table.columns["text"] == ("a",)
    for read in (lambda: window.table.columns["far"], lambda: read_table(path), lambda: survey(open_rows(path), Cut())):
        with pytest.raises(DataError, match=r"column 'far' \(timestamp\[us\]\) holds a value that cannot be written"):
            read()


def test_a_window_s_dictionary_has_its_own_values_alone(tmp_path):
    values = [f"user {at}" for at in range(2_000)]
    path = write_parquet(tmp_path / "t.parquet", {"text": values, "d": pa.array(values).dictionary_encode()})
    for window in open_rows(path).windows(Cut(100, 10**9)):
        assert [len(chunk.dictionary) for chunk in window.arrow.column("d").chunks] == [100]


ARROW = {
    "list": (pa.array([["a", "bb"], [], None, ["ccc"]]), [3, 0, 0, 3]),
    "map": (pa.array([[("a", 1)], [], None, [("b", 2)]], pa.map_(pa.string(), pa.int32())), [5, 0, 0, 5]),
    "fixed": (pa.array([[1, 2]] * 4, pa.list_(pa.int32(), 2)), [8] * 4),
    "struct": (pa.array([{"k": "abc", "v": [1]}, None, {}, {"k": "é"}]), [11, 0, 0, 2]),
    "null": (pa.nulls(4), [0] * 4),
    "flag": (pa.array([True] * 4), [1] * 4),
    "raw": (pa.array([b"ab"] * 4, pa.binary(2)), [2] * 4),
    "dictionary": (pa.array(["xx", "y", None, "xx"]).dictionary_encode(), [2, 1, 0, 2]),
    "uuid": (pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0" * 16] * 4, pa.binary(16))), [16] * 4),
    "view": (pa.array(["ab", "", None, "a"], pa.string_view()), [2, 0, 0, 1]),
    "decimal": (pa.array([1] * 4, pa.decimal128(9, 2)), [16] * 4),
}


@pytest.mark.parametrize("name", ARROW)
def test_rows_of_any_arrow_type_have_their_sizes(name):
    column, sizes = ARROW[name]
    table = pa.table({"a": column})
    assert row_sizes(table) == sizes
    assert row_sizes(table.slice(1, 3)) == sizes[1:]
    assert row_sizes(pa.concat_tables([table, table])) == sizes * 2
    assert row_sizes(table.slice(4)) == []


@pytest.mark.full
@pytest.mark.parametrize("delimiter", [",", "\t"])
@given(rows=TABLES, ends=st.sampled_from(["\n", "\r\n", "\r"]), piece=st.integers(1, 9), size=st.integers(1, 60))
@example(rows=[["\r"], [""], ["a"]], ends="\r\n", piece=1, size=1)
def test_any_delimited_table_comes_back_from_pieces(delimiter, rows, ends, piece, size):
    out = io.StringIO(newline="")
    names = [f"c{column}" for column in range(len(rows[0]))]
    csv.writer(out, delimiter=delimiter, lineterminator=ends, quoting=csv.QUOTE_ALL).writerows([names, *rows])
    data = out.getvalue().encode()
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    windows = list(delimited_windows("t", lambda: pieces, delimiter, Cut(3, size)))
    assert [list(row) for one in windows for row in zip(*one.table.columns.values(), strict=True)] == rows
    whole = read_bytes(f"t.{'csv' if delimiter == ',' else 'tsv'}", data)
    assert tuple(line for one in windows for line in one.table.line_numbers) == whole.line_numbers
    assert windows[-1].read == len(data)


@pytest.mark.parametrize("piece", [8, 2**20])
@pytest.mark.parametrize("case", REFUSED)
def test_windows_refuse_what_the_readers_refuse_with_file_and_line(tmp_path, monkeypatch, case, piece):
    monkeypatch.setattr(row_sources, "_PIECE", piece)
    name, data, message = REFUSED[case]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DataError, match=message):
        survey(open_rows(path), Cut(1, 1))


@pytest.mark.parametrize("name", ["t.csv.gz", "t.xlsx", "table", "absent.csv"])
def test_files_that_no_reader_is_for(tmp_path, name):
    if "absent" not in name:
        (tmp_path / name).write_bytes(b"text\n")
    with pytest.raises(DataError, match=name):
        open_rows(tmp_path / name)
    (tmp_path / "folder.csv").mkdir(exist_ok=True)
    with pytest.raises(DataError, match="cannot be read"):
        open_rows(tmp_path / "folder.csv")


def test_lines_of_json_stay_as_they_stand(tmp_path):
    (tmp_path / "t.jsonl").write_bytes(SAMPLES["t.jsonl"])
    lines = [line for one in open_rows(tmp_path / "t.jsonl").windows(Cut(1, 1)) for line in one.lines]
    assert lines == ['{"text": "a", "x": 1.0}', '{"text": null, "y": {"k": [1e400]}}', '{"x": "7"}']
    (tmp_path / "a.json").write_bytes(SAMPLES["array.json"])
    lines = [line for one in open_rows(tmp_path / "a.json").windows(Cut(2, 99)) for line in one.lines]
    assert lines == ['{"text": "a",  "n": 1.0}', '{"text": "b"}', "{}"]


def test_plain_lines_are_texts_and_empty_ones_too(tmp_path):
    (tmp_path / "in").write_bytes(b"one\r\n\n two \nlast")
    windows = list(open_rows(tmp_path / "in", "standard input", row_sources.TEXT_LINES).windows(Cut(2, 99)))
    assert together(windows, "text") == ("one", "", " two ", "last")
    assert windows[1].table.where(1) == "standard input, line 4"


@pytest.mark.parametrize(("name", "data"), [("t.csv", b'text,n\n"' + b"x" * 5000), ("t.jsonl", b"{" + b" " * 5000)])
def test_a_row_without_an_end_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch, name, data):
    monkeypatch.setattr(row_sources, "_PIECE", 16)
    monkeypatch.setattr(json_module, "LONGEST_ROW", 1000)
    monkeypatch.setattr(delimited_windows, "__defaults__", (1000,))
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=r"line \d.* within 0 MB"):
        survey(open_rows(tmp_path / name), Cut())


def test_a_bare_quote_in_a_tsv_is_found_wherever_it_stands(tmp_path):
    rows = "".join(f'"a\tb"\t{at}\n' for at in range(50))
    (tmp_path / "t.tsv").write_text(f"text\tn\n{rows}" + '"x" y\t1\n')
    with pytest.raises(DataError, match="line 2: 3 values"):  # its quotes are plain characters, so that tabs separate
        survey(open_rows(tmp_path / "t.tsv"), Cut(2, 99))


def test_half_a_surrogate_pair_is_told_of(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a \\u00e9"}\n\n{"text": "x", "n": "\\ud83d"}\n')
    assert survey(open_rows(path), Cut(1, 1)).half_pair == f"{path}, line 3"
    path.write_text('{"text": "\\ud83d\\ude00"}\n')
    assert survey(open_rows(path), Cut(1, 1)).half_pair is None


def test_a_window_takes_a_row_that_is_too_long_and_no_other():
    filling = Filling(Cut(2, 10))
    assert filling.takes(50)
    assert not filling.takes(1)


@pytest.mark.full
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.parquet"])
def test_memory_does_not_grow_with_the_rows(tmp_path, monkeypatch, name):
    monkeypatch.setattr(row_sources, "_PIECE", 2**14)
    traced, arrow = zip(*(_peaks(_write(tmp_path / f"{rows}{name}", rows)) for rows in (2_000, 20_000)), strict=True)
    assert traced[1] < 1.3 * traced[0]
    assert arrow[1] <= 1.3 * arrow[0]


@pytest.mark.full
def test_the_look_at_arrow_s_memory_sees_a_file_that_is_read_at_once(tmp_path, monkeypatch):
    def at_once(self):
        table = pq.read_table(self._file)
        yield from (table.slice(at, 256) for at in range(0, len(table), 256))

    monkeypatch.setattr(parquet_windows.ParquetRows, "_batches", at_once)
    arrow = [_peaks(_write(tmp_path / f"{rows}t.parquet", rows))[1] for rows in (2_000, 20_000)]
    assert arrow[1] > 1.3 * arrow[0]


def _write(path: Path, rows: int) -> Path:
    if path.suffix == ".parquet":
        texts = [f"a text number {at}" for at in range(rows)]
        write_groups(path, pa.table({"text": texts, "n": list(range(rows)), "d": texts}), "d", 1000)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps({"text": f"a text number {at}", "n": at}) + "\n" for at in range(rows)))
    else:
        separator = "," if path.suffix == ".csv" else "\t"
        path.write_text(f"text{separator}n\n" + "".join(f"a text number {at}{separator}{at}\n" for at in range(rows)))
    return path


def _peaks(path: Path) -> tuple[int, int]:
    """The most bytes that Python, and that Arrow, which Python does not see, holds while an input is read."""
    source = open_rows(path)
    survey(source, Cut(200, 2**20))  # what is imported and compiled once
    before, arrow = pa.total_allocated_bytes(), [0]
    tracemalloc.start()
    try:
        survey(source, Cut(200, 2**20), lambda *_: arrow.append(pa.total_allocated_bytes() - before))
        return tracemalloc.get_traced_memory()[1], max(arrow)
    finally:
        tracemalloc.stop()


def test_a_long_row_is_read_on_by_as_much_again(monkeypatch):
    refills = []
    plain = rows_module._Buffer.refill
    monkeypatch.setattr(rows_module._Buffer, "refill", lambda self: (refills.append(1), plain(self)))
    data = b'"' + b"x" * 100_000 + b'",1\n'
    pieces = [data[at : at + 10] for at in range(0, len(data), 10)]
    (row,) = rows_module.walk(pieces, ",", True, 10**6)
    assert row.data == data
    assert len(refills) < 30
