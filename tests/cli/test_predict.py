"""`lightune predict` with artefacts that no training made."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import fsspec
import pytest
from rich.console import Console

import lightune
from lightune.cli.predict_file import _Rows
from lightune.inference import batch, folders
from tests.inference.test_files import ROWS, read, write

TEXT = "the plot is dull [not markup]"


@pytest.fixture(scope="module")
def study(bag, lora, tmp_path_factory):
    """A folder as a study leaves it, as far as predict looks."""
    folder = tmp_path_factory.mktemp("study")
    for name, artefact in (("tfidf", bag), ("lora", lora)):
        shutil.copytree(artefact, folder / "arms" / name)
    return folder


@pytest.mark.full
def test_several_arms_are_columns_with_their_names(study, command, tmp_path):
    given = write(tmp_path / "in.csv", ROWS)
    said = command("predict", study, "--arm", "lora,tfidf", "--input", given, "--output", tmp_path / "out.csv")
    assert (said.code, said.err) == (0, "")
    assert said.out == f"5 rows labelled: {tmp_path / 'out.csv'}\n"
    assert [name for name in read(tmp_path / "out.csv")[0] if name.endswith("label")] == ["lora_label", "tfidf_label"]


@pytest.mark.full
def test_several_arms_are_objects_of_a_line_of_json_and_columns_of_the_table(study, command):
    said = command("predict", study, TEXT, "--json", "--arm", "tfidf,lora", "--top-k", "2")
    line = json.loads(said.out)
    assert list(line) == ["text", "tfidf", "lora"]
    assert list(line["lora"]) == ["label", "score", "top"]
    assert len(line["lora"]["top"]) == 2
    shown = command("predict", study, TEXT, "--arm", "tfidf,lora", "--top-k", "2").out
    assert TEXT in shown
    for arm in ("tfidf", "lora"):
        best, second = (f"{one['label']} {100 * one['score']:.1f} %" for one in line[arm]["top"])
        assert best in shown
        assert second in shown


@pytest.mark.full
def test_a_single_arm_s_fields_stand_in_the_line_itself(study, command):
    line = json.loads(command("predict", study, TEXT, "--json", "--no-probabilities", "--arm", "tfidf").out)
    assert list(line) == ["text", "label", "score"]
    line = json.loads(command("predict", study, TEXT, "--json", "--abstain-below", "1", "--arm", "tfidf").out)
    assert line["label"] == "abstain"
    assert "abstain" in command("predict", study, TEXT, "--abstain-below", "1", "--top-k", "1").out


def test_calibrated_scores_are_of_the_logits_divided_by_the_temperature(study, command):
    raw, calibrated = (
        json.loads(command("predict", study, TEXT, "--json", "--arm", "tfidf", how).out)["score"]
        for how in ("--raw", "--calibrated")
    )
    own = lightune.load(study, "tfidf")
    assert own.temperature == 2.0
    assert raw == own.probabilities([TEXT]).max()
    assert calibrated == own.probabilities([TEXT], calibrated=True).max()
    assert calibrated < raw


def test_calibrated_is_refused_where_there_is_no_temperature(study, command, tmp_path):
    folder = shutil.copytree(study / "arms" / "tfidf", tmp_path / "tfidf")
    manifest = json.loads((folder / "lightune.json").read_text())
    (folder / "lightune.json").write_text(json.dumps({**manifest, "temperature": None}))
    for words in ([TEXT], ["--input", write(tmp_path / "in.csv", ROWS), "--output", tmp_path / "out.csv"]):
        said = command("predict", folder, "--calibrated", *words)
        assert (said.code, said.out) == (2, "")
        assert "--calibrated: tfidf has no temperature" in said.err
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("arms", ["tfidf,baseline", "baseline"])
def test_a_column_s_name_that_both_would_have_is_refused(study, command, arms):
    shutil.copytree(study / "arms" / "tfidf", study / "arms" / "baseline")
    try:
        said = command("predict", study, TEXT, "--arm", arms, "--baseline")
    finally:
        shutil.rmtree(study / "arms" / "baseline")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "baseline" in said.err


@pytest.mark.full
@pytest.mark.parametrize("words", ["--output {out}", "--output={out}", "--output {out} --resume"])
def test_interrupted_it_says_how_to_go_on_and_does(study, command, tmp_path, monkeypatch, words):
    given = write(tmp_path / "in.csv", ROWS)
    with monkeypatch.context() as patch:
        patch.setattr(batch.job.JobFolder, "put_together", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        asked = ["predict", study, "--input", given, *words.format(out=tmp_path / "out.csv").split()]
        said = command(*asked)
    assert said.code == 130
    same = "The same command" if "--resume" in words else "The same command with --resume"
    assert said.err == f"lightune: Interrupted. {same} goes on from what is done.\n"
    if "--resume" not in words:
        assert command(*asked).code == 2
    said = command(*asked, *(() if "--resume" in words else ["--resume"]))
    assert said.out == f"5 rows labelled (5 of them before): {tmp_path / 'out.csv'}\n"


def test_a_pipe_promises_nothing(study, command, tmp_path, monkeypatch):
    monkeypatch.setattr(batch.pipe, "look_at", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    said = command("predict", study, "--input", write(tmp_path / "in.csv", ROWS), "--output", "-")
    assert (said.code, said.err) == (130, "lightune: Interrupted.\n")


def test_the_output_of_a_pipe_is_json_lines_alone(study, command, tmp_path):
    given = write(tmp_path / "in.csv", ROWS)
    said = command("predict", study, "--arm", "tfidf", "--input", given, "--output", "-")
    assert (said.code, said.err) == (0, "")
    assert [json.loads(line)["id"] for line in said.out.splitlines()] == [row["id"] for row in ROWS]


def test_answers_go_to_standard_output_though_progress_has_a_terminal(study, command, tmp_path, monkeypatch):
    terminal = io.StringIO()
    shown = Console(file=terminal, force_terminal=True)
    monkeypatch.setattr("lightune.cli.predict_file.progress_console", lambda: shown)
    given = write(tmp_path / "in.csv", ROWS)
    said = command("predict", study, "--arm", "tfidf", "--input", given, "--output", "-")
    assert [json.loads(line)["id"] for line in said.out.splitlines()] == [row["id"] for row in ROWS]
    assert "labelling" in terminal.getvalue()
    assert '"id"' not in terminal.getvalue()


@pytest.mark.full
def test_a_full_disk_is_code_1(study, command, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(batch.formats.Delimited, "write_part", full)
    given = write(tmp_path / "in.csv", ROWS)
    said = command("predict", study, "--input", given, "--output", tmp_path / "out.csv")
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert "No space left on device" in said.err


@pytest.mark.parametrize(
    ("phase", "completed", "total", "speed", "left", "said"),
    [
        ("label", 1234.0, 5000.0, 321.4, 11.7, "1,234/5,000 rows, 321/s, 0:00:12 left"),
        ("label", 1234.0, None, 0.52, None, "1,234 rows, 0.5/s"),
        ("check", 1.0, 2.0, 321.4, 11.7, "0:00:12 left"),
    ],
)
def test_progress_has_rows_their_speed_and_the_time_left(phase, completed, total, speed, left, said):
    task = SimpleNamespace(fields={"phase": phase}, completed=completed, total=total, speed=speed, time_remaining=left)
    assert str(_Rows().render(task)) == said


@pytest.mark.full
def test_ctrl_c_and_resume_as_a_user_does_it(study, tmp_path):
    rows = [{"id": str(at % 7), "text": f"the plot number {at} is dull"} for at in range(40_000)]
    given = write(tmp_path / "in.csv", rows)
    words = [sys.executable, "-m", "lightune", "predict", study, "--arm", "tfidf", "--input", given, "--output"]
    running = subprocess.Popen([*words, tmp_path / "out.csv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while running.poll() is None and not list(tmp_path.glob("out.csv.parts/part-*")):
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGINT)
    out, err = running.communicate()
    assert (running.returncode, out) == (130, b"")
    assert err == b"lightune: Interrupted. The same command with --resume goes on from what is done.\n"
    done = subprocess.run([*words, tmp_path / "out.csv", "--resume"], capture_output=True, text=True, check=True)
    assert "of them before" in done.stdout
    subprocess.run([*words, tmp_path / "whole.csv"], capture_output=True, check=True)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    found = csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text()))
    assert [(row["id"], row["text"]) for row in found] == [(row["id"], row["text"]) for row in rows]


@pytest.mark.full
def test_answers_go_to_a_file_while_a_terminal_shows_the_progress(study, tmp_path):
    given = write(tmp_path / "in.csv", ROWS)
    terminal, end = pty.openpty()
    words = [sys.executable, "-m", "lightune", "predict", study, "--arm", "tfidf", "--input", given, "--output", "-"]
    with (tmp_path / "out.jsonl").open("wb") as out, os.fdopen(terminal, "rb", buffering=0) as seen:
        running = subprocess.Popen(words, stdout=out, stderr=end, env={**os.environ, "TERM": "xterm"})
        os.close(end)
        shown = b""
        with contextlib.suppress(OSError):  # as Linux ends a terminal
            while piece := seen.read(4096):
                shown += piece
        assert running.wait() == 0
    assert b"\x1b[" in shown
    assert [row["id"] for row in read(tmp_path / "out.jsonl")] == [row["id"] for row in ROWS]


@pytest.mark.full
def test_a_folder_of_parquet_becomes_one_and_goes_on(study, command, tmp_path, monkeypatch):
    for name in ("a.parquet", "b=1/c.parquet"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / "in" / name, ROWS)
    (tmp_path / "in" / "README.md").write_text("rows")
    words = ["predict", study, "--arm", "tfidf", "--input", tmp_path / "in", "--output", tmp_path / "out"]
    plain = folders.output.OutputFolder.finish
    with monkeypatch.context() as patch:
        patch.setattr(folders.output.OutputFolder, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        said = command(*words)
    assert folders.output.OutputFolder.finish is plain
    assert (said.code, said.out) == (130, "")
    passed, interrupted = said.err.splitlines()
    assert passed == f"lightune: {tmp_path}/in: passed over, since it is no Parquet: README.md."
    assert interrupted == "lightune: Interrupted. The same command with --resume goes on from what is done."
    assert command(*words).code == 2
    said = command(*words, "--resume")
    assert (said.code, said.out) == (0, f"10 rows labelled (10 of them before), 2 files: {tmp_path / 'out'}\n")
    assert read(tmp_path / "out" / "a-00000.parquet") == read(tmp_path / "out" / "b=1" / "c-00000.parquet")
    single = command("predict", study, "--input", tmp_path / "in" / "a.parquet", "--output", tmp_path / "single")
    assert single.out == f"5 rows labelled, 1 file: {tmp_path / 'single'}\n"


def test_a_file_that_an_office_left_is_one(study, command, tmp_path, monkeypatch):
    """`~$` begins no home, nor does the name of nobody."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "~$in.csv", ROWS)
    said = command("predict", study, "--arm", "tfidf", "--input", "~$in.csv", "--output", "~$out.csv")
    assert (said.code, said.err) == (0, "")
    assert [row["id"] for row in read(tmp_path / "~$out.csv")] == [row["id"] for row in ROWS]
    said = command("predict", "~nobody here/study", TEXT)
    assert (said.code, said.err) == (
        2,
        "lightune: ~nobody here/study: a study's or an arm's folder is expected, but it does not exist.\n",
    )


def test_a_folder_that_is_not_there_is_what_is_wrong(study, command, tmp_path):
    words = ["predict", study, "--arm", "tfidf", "--input", f"{tmp_path}/nowhere/", "--output", f"{tmp_path}/out/"]
    said = command(*words)
    assert (said.code, said.err) == (2, f"lightune: There is no folder or file {tmp_path}/nowhere/.\n")


def test_no_password_of_a_url_is_shown(study, command, tmp_path):
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "a.parquet", ROWS)
    system = fsspec.filesystem("memory")
    words = ["predict", study, "--arm", "tfidf", "--input", tmp_path / "in", "--output"]
    try:
        said = command(*words, "memory://me:secret@out")
        assert (said.code, said.err) == (0, "")
        assert said.out == "5 rows labelled, 1 file: memory://…@out\n"
        said = command(*words, "memory://me:secret@out/a.csv")
        assert (said.code, said.out) == (2, "")
        assert said.err.startswith("lightune: --output memory://…@out/a.csv: a folder")
    finally:
        system.rm("/me:secret@out", recursive=True)
