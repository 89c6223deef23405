"""Whole files: every row, every column, in its order, with the answers beside it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lightune
from lightune.data import read_table
from lightune.errors import ConfigError, DataError, InputError
from lightune.inference import files as module
from lightune.inference import predict_file
from lightune.inference.files import write_table

ROWS = [
    {"id": "001", "text": "the plot is dull", "note": "NA"},
    {"id": "1", "text": 'a "quoted" joy,\nover two lines', "note": "null"},
    {"id": "1.0", "text": "tab\there, and größer 👍", "note": " spaces "},
    {"id": "-0", "text": "the cast is brilliant", "note": "=1+1"},
    {"id": "1e5", "text": "the plot is dull", "note": "a,b;c"},
]
SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")


def write(path: Path, rows: list[dict]) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    return path


def read(path: Path) -> list[dict]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle, delimiter="\t" if path.suffix == ".tsv" else ","))


@pytest.fixture(scope="module")
def classifiers(finished):
    return {"": lightune.load(finished.folder)}


@pytest.mark.parametrize("source", SUFFIXES)
@pytest.mark.parametrize("target", SUFFIXES)
def test_every_column_and_row_is_kept_as_it_is_and_in_order(classifiers, tmp_path, source, target):
    given = write(tmp_path / f"in{source}", ROWS)
    assert predict_file(classifiers, given, tmp_path / f"out{target}") == len(ROWS)
    found = read(tmp_path / f"out{target}")
    assert [{name: row[name] for name in ROWS[0]} for row in found] == ROWS
    assert list(found[0]) == ["id", "text", "note", "label", "score", "p_bad", "p_good"]
    for row, one in zip(found, classifiers[""].predict([row["text"] for row in ROWS]), strict=True):
        assert row["label"] == one.label
        assert float(row["score"]) == pytest.approx(one.score, abs=1e-6)
        assert float(row["p_good"]) == pytest.approx(one.probabilities["good"], abs=1e-6)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([given.name, f"out{target}"])


def test_columns_that_the_file_has_already_are_kept_beside_ours(classifiers, tmp_path):
    rows = [{"text": "the plot is dull", "label": "mine", "predicted_label": "older", "p_good": "7"}]
    predict_file(classifiers, write(tmp_path / "in.csv", rows), tmp_path / "out.csv")
    (found,) = read(tmp_path / "out.csv")
    assert {name: found[name] for name in rows[0]} == rows[0]
    assert found["predicted_predicted_label"] in ("bad", "good")
    assert 0 < float(found["predicted_p_good"]) < 1


def test_the_baseline_s_answers_stand_beside_the_others(finished, classifiers, tmp_path):
    both = {**classifiers, "baseline_": lightune.load(finished.folder, "pretrained")}
    told = []
    given = write(tmp_path / "in.csv", ROWS)
    predict_file(both, given, tmp_path / "out.csv", on_rows=lambda done, total: told.append((done, total)))
    found = read(tmp_path / "out.csv")
    wanted = ["label", "score", "p_bad", "p_good"]
    assert list(found[0])[3:] == [*wanted, *(f"baseline_{name}" for name in wanted)]
    values = both["baseline_"].probabilities([row["text"] for row in ROWS])[:, 1]
    assert [float(row["baseline_p_good"]) for row in found] == pytest.approx(list(values), abs=1e-6)
    assert told[-1] == (10, 10)


def test_a_missing_text_gets_the_empty_text_s_answer(classifiers, tmp_path):
    rows = [{"text": None, "id": "a"}, {"text": "", "id": "b"}, {"text": "a joy", "id": None}]
    predict_file(classifiers, write(tmp_path / "in.parquet", rows), tmp_path / "out.parquet")
    found = read(tmp_path / "out.parquet")
    assert [{"text": row["text"], "id": row["id"]} for row in found] == rows
    empty = classifiers[""].predict([""])[0]
    assert found[0]["label"] == found[1]["label"] == empty.label
    assert found[0]["score"] == found[1]["score"] == pytest.approx(empty.score)


def test_the_text_column_can_be_named(classifiers, tmp_path):
    rows = [{"one": "the plot is dull", "two": "the music is a joy"}]
    given = write(tmp_path / "in.csv", rows)
    for name in ("one", "two"):
        predict_file(classifiers, given, tmp_path / "out.csv", text_column=name)
        assert read(tmp_path / "out.csv")[0]["label"] == classifiers[""].predict([rows[0][name]])[0].label
    with pytest.raises(DataError, match="'three'"):
        predict_file(classifiers, given, tmp_path / "no.csv", text_column="three")
    assert not (tmp_path / "no.csv").exists()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("in.csv", "another file than the input"),
        ("out.xlsx", r"ends in \.csv"),
        ("out", r"ends in \.csv"),
        ("nowhere/out.csv", "does not exist"),
        ("folder.csv", "it is a folder"),
    ],
)
def test_a_target_that_cannot_be_written_is_refused_before_any_work(tmp_path, target, said):
    write(tmp_path / "in.csv", ROWS)
    (tmp_path / "folder.csv").mkdir()
    before = (tmp_path / "in.csv").read_bytes()
    with pytest.raises(ConfigError, match=said):
        predict_file({}, tmp_path / "in.csv", tmp_path / target)
    assert (tmp_path / "in.csv").read_bytes() == before


def test_an_input_that_is_not_there_is_named(classifiers, tmp_path):
    with pytest.raises(InputError, match=r"absent\.csv"):
        predict_file(classifiers, tmp_path / "absent.csv", tmp_path / "out.csv")


def test_a_write_that_breaks_off_leaves_the_old_file_and_nothing_else(classifiers, tmp_path, monkeypatch):
    given = write(tmp_path / "in.csv", ROWS)
    (tmp_path / "out.csv").write_text("old")

    def broken(path, *_):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_write_delimited", broken)
    with pytest.raises(DataError, match="No space left"):
        predict_file(classifiers, given, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


HALF = "odd \ud83d text"


def test_half_a_surrogate_pair_which_json_can_hold_is_kept_where_it_can_be(tmp_path):
    write_table(tmp_path / "out.jsonl", {"text": [HALF, "größer"]})
    assert [row["text"] for row in read(tmp_path / "out.jsonl")] == [HALF, "größer"]
    for suffix in (".csv", ".tsv", ".parquet"):
        with pytest.raises(DataError, match=r"\.jsonl"):
            write_table(tmp_path / f"out{suffix}", {"text": [HALF]})
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def test_half_a_surrogate_pair_gets_an_answer(classifiers, tmp_path):
    given = write(tmp_path / "in.jsonl", [{"text": HALF, "id": "a"}])
    assert predict_file(classifiers, given, tmp_path / "out.jsonl") == 1
    assert read(tmp_path / "out.jsonl")[0]["text"] == HALF


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_a_lone_carriage_return_stays_inside_its_value(tmp_path, suffix):
    columns = {"text": ["one\rtwo", "three"], "label": ["a", "b"], "score": [0.5, None]}
    write_table(tmp_path / f"out{suffix}", columns)
    table = read_table(tmp_path / f"out{suffix}")
    assert list(table.columns["text"]) == columns["text"]
    assert list(table.columns["label"]) == columns["label"]
