"""What stands in an output: every input column as it was, in its order, and the answers beside it."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lightune.data import Cut, read_table
from lightune.errors import ConfigError, DataError
from lightune.inference import BatchRequest, Wanted, load, predict_file
from tests.inference.test_files import ROWS, SUFFIXES, read, write

ADDED = ["label", "score", "p_bad", "p_good", "p_=neither"]
CUT = Cut(2, 2**20)


def label(bag, source, target, **options):
    request = BatchRequest({"": bag}, source, target, cut=options.pop("cut", CUT), **options)
    return predict_file(request)


@pytest.mark.full
@pytest.mark.parametrize("source", [*SUFFIXES, ".json"])
@pytest.mark.parametrize("target", SUFFIXES)
def test_every_column_and_row_is_kept_as_it_is_and_in_order(bag, tmp_path, source, target):
    given = tmp_path / f"in{source}"
    if source == ".json":
        given.write_text(json.dumps(ROWS), encoding="utf-8")
    else:
        write(given, ROWS)
    assert label(bag, given, tmp_path / f"out{target}") == len(ROWS)
    found = read(tmp_path / f"out{target}")
    assert [{name: row[name] for name in ROWS[0]} for row in found] == ROWS
    assert list(found[0]) == ["id", "text", "note", *ADDED]
    for row, one in zip(found, load(bag).predict([row["text"] for row in ROWS]), strict=True):
        assert row["label"] == one.label
        assert float(row["score"]) == one.score
        assert float(row["p_good"]) == one.probabilities["good"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([given.name, f"out{target}"])


CELLS = st.text(st.sampled_from('a,;"\r\n\té='))
JSON_NUMBERS = st.sampled_from(["1.0", "1e400", "12345678901234567890", "-0", "0.1e-7"])
JSON_TEXTS = st.text(max_size=8).map(json.dumps) | st.sampled_from(['"\\u00e9\\/"', '"\\ud83d"'])
JSON_VALUES = st.recursive(
    JSON_NUMBERS | JSON_TEXTS | st.sampled_from(["null", "true"]),
    lambda inner: st.lists(inner, max_size=2).map(lambda items: "[" + ",  ".join(items) + "]"),
    max_leaves=4,
)
SETTINGS = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.mark.full
@given(rows=st.lists(st.tuples(JSON_TEXTS, JSON_VALUES, JSON_VALUES), min_size=1, max_size=5))
@SETTINGS
def test_lines_of_json_come_back_to_the_character(bag, tmp_path, rows):
    lines = [f'{{"z": {one}, "text": {text}, "a" :{two} }}' for text, one, two in rows]
    (tmp_path / "in.jsonl").write_text("\n".join(lines), encoding="utf-8")
    label(bag, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    found = (tmp_path / "out.jsonl").read_text(encoding="utf-8").split("\n")
    for before, after in zip(lines, found[:-1], strict=True):
        assert after.startswith(before[:-2] + ', "label": ')
        assert list(json.loads(after))[:3] == ["z", "text", "a"]


@pytest.mark.full
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@given(
    rows=st.lists(st.lists(st.text(st.sampled_from('a,;"\r\n\té=')), min_size=2, max_size=2), min_size=1, max_size=6)
)
@SETTINGS
def test_any_delimited_values_come_back(bag, tmp_path, suffix, rows):
    out = io.StringIO(newline="")
    delimiter = "," if suffix == ".csv" else "\t"
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([["text", "p_good"], *rows])
    (tmp_path / f"in{suffix}").write_bytes(out.getvalue().encode())
    label(bag, tmp_path / f"in{suffix}", tmp_path / f"out{suffix}")
    table = read_table(tmp_path / f"out{suffix}")
    assert [list(row) for row in zip(table.columns["text"], table.columns["p_good"], strict=True)] == rows
    assert "predicted_p_good" in table.columns


PARQUET_COLUMNS = {
    "i8": pa.int8(),
    "u64": pa.uint64(),
    "f32": pa.float32(),
    "dec": pa.decimal128(12, 3),
    "ts": pa.timestamp("us", "Europe/Berlin"),
    "day": pa.date32(),
    "flag": pa.bool_(),
    "raw": pa.binary(),
    "large": pa.large_string(),
    "dict": pa.dictionary(pa.int16(), pa.string()),
    "nested": pa.list_(pa.struct([("k", pa.string())])),
    "nothing": pa.null(),
}


@pytest.mark.full
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 9), group=st.integers(1, 4))
@SETTINGS
def test_arrow_types_metadata_and_nulls_come_back(bag, tmp_path, seed, rows, group):
    generator = np.random.default_rng(seed)
    made = {
        "i8": [int(v) for v in generator.integers(-128, 127, rows)],
        "u64": [2**64 - 1 - int(v) for v in generator.integers(0, 9, rows)],
        "f32": [float("nan") if v > 0.8 else float(v) for v in generator.random(rows)],
        "flag": [bool(v) for v in generator.integers(0, 2, rows)],
        "raw": [generator.bytes(3) for _ in range(rows)],
        "large": [f"größer {v}" for v in generator.integers(0, 9, rows)],
        "dict": [f"d{v}" for v in generator.integers(0, 3, rows)],
        "nested": [[{"k": "a"}, {"k": None}]] * rows,
    }
    hole = int(generator.integers(0, rows))
    columns = {"text": pa.array([None if at == hole else f"good {at}" for at in range(rows)])}
    for name, kind in PARQUET_COLUMNS.items():
        values = made.get(name, [None] * rows)
        columns[name] = pa.array([None if at == hole else value for at, value in enumerate(values)], kind)
    table = pa.table(columns).replace_schema_metadata({"huggingface": '{"info": {"features": {}}}', "own": "é"})
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=group)
    label(bag, tmp_path / "in.parquet", tmp_path / "out.parquet")
    before, after = pq.read_table(tmp_path / "in.parquet"), pq.read_table(tmp_path / "out.parquet")
    kept = after.select(before.schema.names)
    assert kept.schema.equals(before.schema, check_metadata=True)
    for name in before.schema.names:  # NaN is not equal to itself
        assert str(kept.column(name).to_pylist()) == str(before.column(name).to_pylist())
    assert after.schema.names[-5:] == ADDED
    assert str(after.schema.field("score").type) == "double"
    groups = pq.ParquetFile(tmp_path / "out.parquet").metadata
    assert [groups.row_group(at).num_rows for at in range(groups.num_row_groups)][:-1] == [2] * ((rows - 1) // 2)


NO_TEXT = {
    "a far moment": pa.array([1, None, 4 * 10**17], pa.timestamp("us")),
    "a far day": pa.array([1, None, 10**7], pa.date32()),
    "a long time": pa.array([1, None, 2**62], pa.duration("s")),
    "no such zone": pa.array([1, None, 2], pa.timestamp("us", "Nowhere/City")),
    "nested": pa.array([[1], None, [4 * 10**17]], pa.list_(pa.timestamp("us"))),
    "no utf-8": pa.array([b"a", None, b"\xff"]).view(pa.string()),
}


@pytest.mark.parametrize("name", NO_TEXT)
def test_what_no_text_can_hold_is_passed_on_in_parquet_and_refused_elsewhere(bag, tmp_path, name):
    pq.write_table(pa.table({"text": ["good", "dull", None], "c": NO_TEXT[name]}), tmp_path / "in.parquet")
    assert label(bag, tmp_path / "in.parquet", tmp_path / "out.parquet") == 3
    before, after = pq.read_table(tmp_path / "in.parquet"), pq.read_table(tmp_path / "out.parquet")
    assert after.select(["text", "c"]).equals(before)
    with pytest.raises(DataError, match="column 'c'"):
        label(bag, tmp_path / "in.parquet", tmp_path / "out.csv")
    with pytest.raises(DataError, match="column 'c'"):
        label(bag, tmp_path / "in.parquet", tmp_path / "out.parquet", text_column="c")


def test_columns_that_the_file_has_already_are_kept_beside_ours(bag, tmp_path):
    rows = [{"text": "dull", "label": "mine", "predicted_label": "older", "p_good": "7"}]
    label(bag, write(tmp_path / "in.csv", rows), tmp_path / "out.csv")
    (found,) = read(tmp_path / "out.csv")
    assert {name: found[name] for name in rows[0]} == rows[0]
    assert found["predicted_predicted_label"] in ("bad", "good", "=neither")
    assert 0 < float(found["predicted_p_good"]) < 1


def test_a_name_that_only_a_late_row_has_is_taken_in_all_rows(bag, tmp_path):
    rows = [*({"text": "dull"} for _ in range(5)), {"text": "good", "label": 3}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for target in ("out.jsonl", "out.csv"):
        label(bag, tmp_path / "in.jsonl", tmp_path / target)
        assert all("predicted_label" in row for row in read(tmp_path / target))
    assert [row["label"] for row in read(tmp_path / "out.csv")] == [""] * 5 + ["3"]


def test_a_missing_text_gets_the_empty_text_s_answer(bag, tmp_path):
    rows = [{"text": None, "id": "a"}, {"text": "", "id": "b"}, {"text": "good", "id": None}]
    label(bag, write(tmp_path / "in.parquet", rows), tmp_path / "out.parquet")
    found = read(tmp_path / "out.parquet")
    assert [{"text": row["text"], "id": row["id"]} for row in found] == rows
    assert found[0]["label"] == found[1]["label"] == load(bag).predict([""])[0].label
    lines = '{"text": "good"}\n{"other": 1}\n{"other": 2}\n{"text": "dull"}\n'
    (tmp_path / "in.jsonl").write_text(lines)
    label(bag, tmp_path / "in.jsonl", tmp_path / "out.jsonl", text_column="text")
    assert read(tmp_path / "out.jsonl")[2]["score"] == found[1]["score"]


def test_the_text_column_can_be_named(bag, tmp_path):
    given = write(tmp_path / "in.csv", [{"one": "dull", "two": "good lovely"}])
    for name in ("one", "two"):
        label(bag, given, tmp_path / "out.csv", text_column=name)
        (found,) = read(tmp_path / "out.csv")
        assert found["label"] == load(bag).predict([found[name]])[0].label
    with pytest.raises(DataError, match="'three'"):
        label(bag, given, tmp_path / "no.csv", text_column="three")
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["in.csv", "out.csv"]


@pytest.mark.full
def test_several_arms_stand_side_by_side(bag, lora, tmp_path):
    given = write(tmp_path / "in.csv", ROWS)
    arms = {"lora_": lora, "tfidf_": bag}
    predict_file(BatchRequest(arms, given, tmp_path / "out.csv", wanted=Wanted(probabilities=False), cut=CUT))
    found = read(tmp_path / "out.csv")
    assert list(found[0])[3:] == ["lora_label", "lora_score", "tfidf_label", "tfidf_score"]
    for name, folder in (("lora", lora), ("tfidf", bag)):
        scores = [one.score for one in load(folder).predict([row["text"] for row in ROWS])]
        assert [float(row[f"{name}_score"]) for row in found] == pytest.approx(scores, abs=1e-5)


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_formulas_are_made_text_where_that_is_asked_for(bag, tmp_path, suffix):
    rows = [{"text": '=cmd|"/c calc"!A1', "＝h": "-1"}, {"text": "a;=1+1", "＝h": "plain\t"}]
    given = write(tmp_path / f"in{suffix}", rows)
    label(bag, given, tmp_path / f"safe{suffix}", spreadsheet_safe=True, wanted=Wanted(top_k=3))
    label(bag, given, tmp_path / f"plain{suffix}")
    safe = read(tmp_path / f"safe{suffix}")
    assert [row["text"] for row in safe] == ["'" + rows[0]["text"], "a;=1+1"]
    assert [row["'＝h"] for row in safe] == ["'-1", "plain\t"]
    assert {row["label_1"] for row in safe} | {row["label_2"] for row in safe} >= {"'=neither"} - {
        row["label_3"] for row in safe
    }
    assert '"a;=1+1"' in (tmp_path / f"safe{suffix}").read_text()  # quoted: no cell begins behind the semicolon
    assert [row["text"] for row in read(tmp_path / f"plain{suffix}")] == [row["text"] for row in rows]


@pytest.mark.parametrize("target", ["out.jsonl", "out.parquet"])
def test_spreadsheet_safe_is_for_what_a_spreadsheet_opens(bag, tmp_path, target):
    given = write(tmp_path / "in.csv", ROWS)
    with pytest.raises(ConfigError, match=r"--spreadsheet-safe .*\.csv or \.tsv"):
        label(bag, given, tmp_path / target, spreadsheet_safe=True)


@pytest.mark.parametrize("target", [".csv", ".tsv", ".parquet"])
def test_half_a_surrogate_pair_is_refused_before_any_work_where_it_cannot_be_kept(bag, tmp_path, target):
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n{"text": "odd \\ud83d"}\n')
    with pytest.raises(DataError, match=r"in\.jsonl, line 2: .*\.jsonl"):
        label(bag, tmp_path / "in.jsonl", tmp_path / f"out{target}")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_half_a_surrogate_pair_gets_an_answer(bag, tmp_path):
    line = '{"text": "odd \\ud83d text", "id": "a"}'
    (tmp_path / "in.jsonl").write_text(line + "\n")
    assert label(bag, tmp_path / "in.jsonl", tmp_path / "out.jsonl") == 1
    assert (tmp_path / "out.jsonl").read_text().startswith(line[:-1] + ", ")


def test_a_file_of_another_separator_is_refused_as_a_study_refuses_it(bag, tmp_path):
    source = tmp_path / "semi.csv"
    source.write_text("id;text\n1;good film\n")
    with pytest.raises(DataError, match="separated by commas"):
        predict_file(BatchRequest({"": bag}, source, tmp_path / "out.csv"))
    assert not (tmp_path / "out.csv").exists()
