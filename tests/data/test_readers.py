"""Exact, or refused with the line: every format, value by value."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lightune.data import read_table
from lightune.data.readers import read_bytes
from lightune.errors import DataError

from .helpers import write_csv, write_jsonl, write_parquet

TRICKY = ["001", "1", "1.0", "01", "NA", "N/A", "null", "NULL", "None", "nan", "NaN", "", " 1", "1 ", "true", "True"]
TRICKY += [
    "2020-01-01",
    "1e5",
    "-0",
    "#N/A",
    "inf",
    "a,b",
    'say "hi"',
    "two\nlines",
    "cr\r\nlf",
    "tab\there",
    "é\u2028ü",
    "🎬",
]


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.json", "t.parquet"])
def test_tricky_values_stay_what_they_are(tmp_path, name):
    path = tmp_path / name
    if path.suffix in (".csv", ".tsv"):
        write_csv(path, [[value, str(row)] for row, value in enumerate(TRICKY)])
    elif path.suffix == ".jsonl":
        write_jsonl(path, [{"text": value, "label": str(row)} for row, value in enumerate(TRICKY)])
    elif path.suffix == ".json":
        path.write_text(json.dumps([{"text": value, "label": str(row)} for row, value in enumerate(TRICKY)]))
    else:
        write_parquet(path, {"text": TRICKY, "label": [str(row) for row in range(len(TRICKY))]})
    table = read_table(path)
    assert table.columns["text"] == tuple(TRICKY)
    assert table.columns["label"] == tuple(str(row) for row in range(len(TRICKY)))
    assert table.rows == len(TRICKY)


CELLS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=20)
COLUMNS = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=8)
)


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@given(rows=COLUMNS, line_end=st.sampled_from(["\n", "\r\n"]))
@example(rows=[["\r"], [""]], line_end="\n")
@example(rows=[["", ""], ["\ufeff", '"']], line_end="\r\n")
@settings(max_examples=150, deadline=None)
@pytest.mark.full
def test_any_delimited_table_comes_back(suffix, rows, line_end):
    out = io.StringIO(newline="")
    writer = csv.writer(
        out, delimiter="," if suffix == ".csv" else "\t", lineterminator=line_end, quoting=csv.QUOTE_ALL
    )
    names = [f"c{column}" for column in range(len(rows[0]))]
    writer.writerows([names, *rows])
    table = read_bytes(f"t{suffix}", out.getvalue().encode())
    assert [list(row) for row in zip(*(table.columns[name] for name in names), strict=True)] == rows


@pytest.mark.full
@given(
    rows=st.lists(
        st.dictionaries(st.sampled_from("abc"), st.none() | st.text(max_size=10), min_size=1), min_size=1, max_size=8
    )
)
@settings(max_examples=100, deadline=None)
def test_any_json_lines_come_back(rows):
    data = "".join(json.dumps(row, ensure_ascii=True) + "\n" for row in rows).encode()
    table = read_bytes("t.jsonl", data)
    names = {name for row in rows for name in row}
    assert set(table.columns) == names
    for name in names:
        assert table.columns[name] == tuple(row.get(name) for row in rows)


@pytest.mark.full
@given(values=st.lists(st.none() | CELLS, min_size=1, max_size=8))
@settings(max_examples=50, deadline=None)
def test_any_parquet_strings_come_back(values):
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        sink = pa.BufferOutputStream()
        array = pa.array(values, pa.string()).cast(kind) if kind != pa.string() else pa.array(values, kind)
        pa.parquet.write_table(pa.table({"text": array}), sink)
        assert read_bytes("t.parquet", sink.getvalue().to_pybytes()).columns["text"] == tuple(values)


def test_json_values_keep_their_writing():
    line = b'{"i": 007e0, "l": 1}'.replace(b"007e0", b"7.10e0")
    more = b'{"i": 12345678901234567890123, "l": true, "n": null, "x": {"a": [1.50, "s", false]}}'
    table = read_bytes("t.jsonl", line + b"\n\n" + more + b"\r\n")
    assert table.columns["i"] == ("7.10e0", "12345678901234567890123")
    assert table.columns["l"] == ("1", "true")
    assert table.columns["n"] == (None, None)
    assert table.columns["x"] == (None, '{"a": [1.50, "s", false]}')
    assert table.kinds == {"i": "number", "l": "text", "n": "text", "x": "nested"}
    assert table.line_numbers == (1, 3)


def test_parquet_values_other_than_strings(tmp_path):
    columns = {
        "i": pa.array([1, None], pa.int8()),
        "f": pa.array([0.1, 2.0], pa.float32()),
        "b": [True, False],
        "l": [["a"], []],
        "raw": [b"\xff", b""],
    }
    table = read_table(write_parquet(tmp_path / "t.parquet", columns))
    assert table.columns["i"] == ("1", None)
    assert table.columns["f"] == ("0.1", "2.0")
    assert table.columns["b"] == ("True", "False")
    assert table.columns["l"] == ('["a"]', "[]")
    assert table.columns["raw"] == (None, None)
    assert table.kinds == {"i": "number", "f": "number", "b": "boolean", "l": "nested", "raw": "binary"}


def test_csv_lines_count_line_breaks_in_values():
    table = read_bytes("t.csv", b'text,label\n"a\nb",1\n\nc,2\r\n"x\r\ny",3\nz,4')
    assert table.columns["text"] == ("a\nb", "c", "x\r\ny", "z")
    assert table.line_numbers == (2, 5, 6, 8)
    assert table.where(3) == "t.csv, line 8"


def test_blank_lines_of_a_one_column_file_are_empty_texts():
    table = read_bytes("t.csv", b"text\na\n\nb\n\n\n")
    assert table.columns["text"] == ("a", "", "b")
    assert table.line_numbers == (2, 3, 4)


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(name):
    body = {"t.csv": "text,label\na,b\n", "t.tsv": "text\tlabel\na\tb\n", "t.jsonl": '{"text": "a", "label": "b"}'}[
        name
    ]
    assert list(read_bytes(name, body.encode("utf-8-sig")).columns) == ["text", "label"]


def test_quotes_in_a_tsv_that_does_not_quote_are_plain():
    table = read_bytes("t.tsv", b'text\tlabel\n"good" he said\t1\n"open\t0\n')
    assert table.columns["text"] == ('"good" he said', '"open')


def test_a_value_longer_than_any_block_is_read():
    text = "word " * 1_000_000
    assert read_bytes("t.csv", f'text,label\n"{text}",1\n'.encode()).columns["text"] == (text,)


def test_the_unnamed_index_column_of_pandas_gets_a_name():
    assert list(read_bytes("t.csv", b",text\n0,a\n").columns) == ["unnamed_1", "text"]


REFUSED = {
    "empty": ("t.csv", b"", "t.csv is empty"),
    "blank": ("t.jsonl", b" \n\n", "t.jsonl is empty"),
    "header only": ("t.csv", b"text,label\n", "no rows below"),
    "header only, one column": ("t.csv", b"text\n\n", "no rows below"),
    "latin-1": ("t.csv", "text,label\nok,1\ncaf\xe9,2\n".encode("latin-1"), "line 3: byte 0xE9 is not UTF-8"),
    "latin-1 json": ("t.jsonl", b'{"a": "x"}\n{"a": "\xe9"}', "line 2: byte 0xE9"),
    "utf-16": ("t.csv", "text,label\na,b".encode("utf-16"), "UTF-16"),
    "too many values": ("t.csv", b'text,label\n"a\nb",1\nc,2,3\n', r"line 4: 3 values where the header names 2"),
    "too few values": ("t.csv", b"text,label\na,1\nb\n", "line 3: 1 values where the header names 2"),
    "doubled name": ("t.csv", b"text,text\na,b\n", "more than one column named 'text'"),
    "open quote": ("t.csv", b'text,label\na,1\n"b,2\nc,3\n', "quote that opens on line 3 is never closed"),
    "text after quote": ("t.csv", b'text,label\n"a" b,1\n', "line 2 has text after a closing quote"),
    "nul": ("t.csv", b"text,label\na\x00,1\n", "line 2: a NUL byte"),
    "parquet inside": ("t.csv", b"PAR1xxxx", "named .csv but holds Parquet"),
    "zip inside": ("t.csv", b"PK\x03\x04xxxx", "Excel"),
    "gzip inside": ("t.jsonl", b"\x1f\x8bxxxx", "gzip"),
    "not parquet": ("t.parquet", b"text,label\na,b\n", "cannot be read as Parquet"),
    "cut parquet": ("t.parquet", b"PAR1" + b"\x15" * 50 + b"PAR1", "cannot be read as Parquet"),
    "not json": ("t.jsonl", b'{"a": 1}\nnope\n', "line 2: an object"),
    "not an object": ("t.jsonl", b'{"a": 1}\n\n[1]\n', "line 3: an object .* got a list"),
    "doubled key": ("t.jsonl", b'{"a": 1, "a": 2}\n', "line 1: the key 'a' stands twice"),
    "too deep": ("t.jsonl", b'{"a": ' + b"[" * 100_000, "line 1: .*(nested too deep|no JSON)"),
    "raw control character": ("t.jsonl", b'{"a": "x\x01"}', "line 1"),
    "array of numbers": ("t.json", b"[1, 2]", "t.json, row 1: an object"),
    "empty array": ("t.json", b"[]", "no rows"),
    "surrogate key": ("t.jsonl", b'{"\\ud800": 1}', "not valid Unicode"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_file_and_line(case):
    name, data, message = REFUSED[case]
    with pytest.raises(DataError, match=message) as caught:
        read_bytes(name, data)
    assert name in str(caught.value)
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("t.csv.gz", "compressed, which is not supported: unpack"),
        ("t.xlsx", r"ends in '.xlsx': a file that ends in .csv, .tsv, .jsonl"),
        ("table", "has no ending"),
        ("absent.csv", "There is no file"),
    ],
)
def test_files_that_no_reader_is_for(tmp_path, name, message):
    if "absent" not in name:
        (tmp_path / name).write_bytes(b"text,label\n")
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / name)


def test_bytes_that_are_no_utf8_in_a_parquet_string_name_the_row(tmp_path):
    bad = pa.array([b"ok", b"\xff"], pa.binary()).view(pa.string())
    with pytest.raises(DataError, match=r"t\.parquet, row 2: column 'text' is not UTF-8"):
        read_table(write_parquet(tmp_path / "t.parquet", {"text": bad}))


@pytest.mark.parametrize(
    "values",
    [
        pa.array([10**15], pa.timestamp("s")),
        pa.array([10**8], pa.date32()),
        pa.array([2**62], pa.duration("s")),
        pa.array([0], pa.timestamp("s", "Nowhere/Land")),
        pa.array([1], pa.time64("ns")),
    ],
    ids=["year", "date", "duration", "zone", "nanosecond"],
)
def test_a_parquet_value_that_would_be_altered_as_text_is_refused(tmp_path, values):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"text": ["a"], "odd": values}), path)
    with pytest.raises(DataError, match=r"t.parquet: column 'odd' \(.*cannot be written as text"):
        read_table(path)


def test_a_time_in_nanoseconds_that_loses_none_is_read(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"text": ["a"], "at": pa.array([1_500], pa.time64("us")).cast(pa.time64("ns"))}), path)
    assert read_table(path).columns["at"] == ("00:00:00.001500",)
