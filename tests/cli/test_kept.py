"""What a command that was cut off says it has kept."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import pytest

from lightune.cli.kept import kept


def _record(out, name, status):
    folder = out / "runs" / name
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps({"status": status}))


def test_nothing_is_promised_where_nothing_was_written(tmp_path):
    for verb in ("study", "search"):
        assert kept([verb, "--out", str(tmp_path / "out")]) == " Nothing was written yet."
    assert kept(["predict", "DIR", "--input", "a.csv", f"--output={tmp_path}/b.csv"]) == " Nothing was labelled yet."


def test_of_a_study_that_was_begun_what_is_done_is_counted(tmp_path):
    words = ["study", "--out", str(tmp_path)]
    assert kept(words) == " No run is finished yet. The same command goes on."
    _record(tmp_path, "tfidf-n90-s0", "done")
    goes_on = "The same command goes on from what is done."
    assert kept(words) == f" Kept in {tmp_path}: 1 finished run. {goes_on}"
    _record(tmp_path, "probe-n90-s0", "done")
    _record(tmp_path, "full-n90-s0", "failed")
    (tmp_path / "runs" / "torn").mkdir()
    (tmp_path / "runs" / "torn" / "record.json").write_text("{")
    (tmp_path / "runs" / "lora-n90-s0" / "checkpoints" / "checkpoint-4").mkdir(parents=True)
    (tmp_path / "search").mkdir()
    with contextlib.closing(sqlite3.connect(tmp_path / "search" / "trials.db")) as kept_there:
        kept_there.execute("create table trials (trial_id integer)")
        kept_there.executemany("insert into trials values (?)", [(1,), (2,), (3,)])
        kept_there.commit()
    said = f" Kept in {tmp_path}: 3 trials, 2 finished runs, 1 checkpointed training. {goes_on}"
    assert kept(words) == said
    for before in ("--plan", "--estimate"):
        assert kept([*words, before]) == ""


def test_of_an_output_it_is_said_once_a_part_is_there(tmp_path):
    parts = tmp_path / "out.csv.parts"
    parts.mkdir()
    (parts / "job.json").write_text("{}")
    words = ["predict", "DIR", "--input", "in.csv", "--output", str(tmp_path / "out.csv")]
    assert kept(words) == " Nothing was labelled yet."
    (parts / "part-00000000-0123456789abcdef").write_text("x")
    assert kept(words) == " The same command with --resume goes on from what is done."
    assert kept([*words, "--resume"]) == " The same command goes on from what is done."


def test_of_a_folder_too(tmp_path):
    out = tmp_path / "out"
    (out / "a=1").mkdir(parents=True)
    words = ["predict", "DIR", "--input", "in", "--output", str(out)]
    (out / "a=1" / "mine-00000.parquet").write_text("of somebody else")
    assert kept(words) == " Nothing was labelled yet."
    (out / "_lightune.json").write_text("{}")
    assert kept(words) == " The same command with --resume goes on from what is done."
    (out / "a=1" / "mine-00000.parquet").unlink()
    assert kept(words) == " Nothing was labelled yet."


def test_nothing_is_asked_of_a_network():
    words = ["predict", "DIR", "--input", "s3://b/in", "--output", "s3://b/out"]
    assert kept(words) == " The same command with --resume goes on from what is done, if anything is."


@pytest.mark.parametrize("words", [["inspect"], ["predict", "DIR", "a text"], ["predict", "--output", "-"], []])
def test_a_verb_that_keeps_nothing_adds_nothing(words):
    assert kept(words) == ""
