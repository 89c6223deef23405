"""A folder's prediction that was cut off, at any point, and goes on: no row lost, none doubled."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from lightune.data import Cut
from lightune.errors import ConfigError
from lightune.inference import FolderRequest, Wanted, predict_folder
from lightune.inference.folders import labelling
from tests.inference.folders.helpers import (
    ROWS,
    all_ids,
    content,
    ids,
    parts,
    request_for,
    table,
    whole,
    write_folder,
)


class CutOff(BaseException):
    """Something that nothing expects."""


def stop_at(rows: int):
    def progress(phase, done, total, facts):
        if facts.get("kept", 0) >= rows:
            raise CutOff

    return progress


@pytest.fixture
def cut_off(bag, tmp_path) -> FolderRequest:
    """A request that was cut off after six parts of ten."""
    request = request_for(tmp_path, bag)
    with pytest.raises(CutOff):
        predict_folder(request, stop_at(61))
    assert len(parts(tmp_path / "out")) == 6
    return replace(request, resume=True)


@pytest.mark.full
def test_interrupted_after_every_part_in_turn_it_ends_in_the_same_bytes(bag, tmp_path):
    request = replace(request_for(tmp_path, bag), resume=True)
    wanted = whole(request)
    for rows in (1, 20, 40, 60, 80, 100):
        with pytest.raises(CutOff):
            predict_folder(request, stop_at(rows))
    told = []
    assert predict_folder(request, lambda *heard: told.append(heard)).rows_out == ROWS
    assert content(tmp_path / "out") == wanted
    assert max(facts.get("before", 0) for *_, facts in told) >= 100


def test_what_is_done_is_not_labelled_again(cut_off, tmp_path, monkeypatch):
    labelled = []
    plain = labelling.Labeller.label
    monkeypatch.setattr(
        labelling.Labeller, "label", lambda self, unit, on: (labelled.append(unit.target), plain(self, unit, on))[1]
    )
    predict_folder(cut_off)
    assert labelled == [f"x-0000{at}.parquet" for at in range(1, 5)]
    predict_folder(cut_off)  # done: it says so again, and does nothing
    assert len(labelled) == 4


def test_what_was_cut_off_is_neither_overwritten_nor_forgotten(cut_off, tmp_path):
    with pytest.raises(ConfigError, match=r"a run that was cut off has left 6 of 10 parts.*--resume"):
        predict_folder(replace(cut_off, resume=False))
    assert predict_folder(cut_off).rows_out == ROWS
    with pytest.raises(ConfigError, match="it holds this very output, whole"):
        predict_folder(replace(cut_off, resume=False))


def test_a_record_without_a_part_binds_nobody(bag, tmp_path):
    """As an interruption within the first part leaves it."""
    request = request_for(tmp_path, bag)
    with pytest.raises(CutOff):
        predict_folder(request, lambda *heard: (_ for _ in ()).throw(CutOff) if heard[0] == "label" else None)
    assert parts(tmp_path / "out") == []
    assert (tmp_path / "out" / "_lightune.json").exists()
    assert predict_folder(replace(request, wanted=Wanted(top_k=1))).rows_out == ROWS


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def another_job_s(path: Path) -> None:
    found = pq.read_table(path)
    metadata = {
        **found.schema.metadata,
        b"lightune": found.schema.metadata[b"lightune"].replace(b'"job": "', b'"job": "0'),
    }
    pq.write_table(found.replace_schema_metadata(metadata), path)


def short(path: Path) -> None:
    pq.write_table(pq.read_table(path)[:-1], path)


@pytest.mark.full
@pytest.mark.parametrize("harm", [torn, another_job_s, short, Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_part_that_is_not_whole_or_not_of_this_job_is_made_again(cut_off, tmp_path, harm):
    wanted = whole(cut_off)
    harm(parts(tmp_path / "out")[2])
    told = []
    assert predict_folder(cut_off, lambda *heard: told.append(heard)).rows_out == ROWS
    assert content(tmp_path / "out") == wanted
    assert next(facts["before"] for *_, facts in told if "before" in facts) < 61


def test_success_does_not_outlive_a_part(cut_off, tmp_path):
    predict_folder(cut_off)
    parts(tmp_path / "out")[0].unlink()
    with pytest.raises(CutOff):
        predict_folder(cut_off, lambda *heard: (_ for _ in ()).throw(CutOff) if heard[0] == "label" else None)
    assert not (tmp_path / "out" / "_SUCCESS").exists()


CHANGES = {
    "the content of the input": lambda folder: write_folder(folder / "in", {"b/c/x.parquet": (2, 2)}) and {},
    "--top-k": {"wanted": Wanted(top_k=2)},
    "--abstain-below": {"wanted": Wanted(abstain_below=0.5)},
    "--no-probabilities": {"wanted": Wanted(probabilities=False)},
    "--calibrated": {"wanted": Wanted(calibrated=True)},
    "--text-column": {"text_column": "id"},
    "the size of a window": {"cut": Cut(5, 2**20)},
    "the size of a part": {"unit": Cut(15, 2**20)},
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_job_is_refused_and_says_what_differs(cut_off, tmp_path, name):
    before = content(tmp_path / "out")
    change = CHANGES[name]
    if callable(change):
        change = change(tmp_path)
    with pytest.raises(ConfigError, match=f"what differs: {name}\\. "):
        predict_folder(replace(cut_off, **change))
    with pytest.raises(ConfigError, match="it holds another job's output"):
        predict_folder(replace(cut_off, **{**change, "resume": False}))
    assert content(tmp_path / "out") == before


@pytest.mark.full
def test_another_artefact_or_version_is_refused(cut_off, lora, monkeypatch):
    with pytest.raises(ConfigError, match="what differs: what the arm saved"):
        predict_folder(replace(cut_off, arms={"": lora}))
    monkeypatch.setattr(labelling, "machine", lambda: {"the version of torch": "1.0"})
    with pytest.raises(ConfigError, match="the version of torch"):
        predict_folder(cut_off)


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_that_holds_something_else_is_left_alone(bag, tmp_path, resume):
    request = replace(request_for(tmp_path, bag), resume=resume)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"it holds something else, thesis\.txt for one"):
        predict_folder(request)
    (tmp_path / "out" / "_lightune.json").write_text("{")
    with pytest.raises(ConfigError, match="is no record of a job"):
        predict_folder(request)
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


def test_parquet_that_is_no_part_would_be_taken_for_rows(cut_off, tmp_path):
    (tmp_path / "out" / "notes.txt").write_text("no rows")
    pq.write_table(table("z", 3), tmp_path / "out" / "z.parquet")
    with pytest.raises(ConfigError, match=r"it holds z\.parquet, which is no part of this job"):
        predict_folder(cut_off)
    (tmp_path / "out" / "z.parquet").unlink()
    assert predict_folder(cut_off).rows_out == ROWS


@pytest.mark.full
def test_only_one_process_writes_an_output(bag, tmp_path):
    request = request_for(tmp_path, bag)
    (tmp_path / "out").mkdir()
    with FileLock(tmp_path / "out" / ".lock"), pytest.raises(ConfigError, match="another process is writing it"):
        predict_folder(request)
    assert predict_folder(request).rows_out == ROWS


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("in", "apart from the input"),
        ("in/out", "apart from the input"),
        (".", "apart from the input"),
        ("absent/out", "does not exist; make it first"),
        ("a_file", "it is a file"),
        ("s3://bucket/out", "Install s3fs"),
    ],
)
def test_what_cannot_be_an_output_is_said(bag, tmp_path, target, said):
    request = request_for(tmp_path, bag)
    (tmp_path / "a_file").write_text("")
    where = target if "://" in target else str(tmp_path / target)
    with pytest.raises(ConfigError, match=f"--output .*{said}"):
        predict_folder(replace(request, target=where))


def test_a_touched_or_copied_input_is_the_same(cut_off, tmp_path):
    for path in (tmp_path / "in").rglob("*.parquet"):
        os.utime(path, ns=(1, 1))
    (tmp_path / "in").rename(tmp_path / "moved")
    assert predict_folder(replace(cut_off, source=str(tmp_path / "moved"))).rows_out == ROWS


def begun(work: Callable[[], object]) -> int:
    """A forked child that does it."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return child


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.full
def test_killed_again_and_again_it_has_every_row_once(bag, tmp_path):
    """By SIGKILL, at random moments."""
    files = {f"f{at}.parquet": (150, 40) for at in range(4)}
    request = request_for(tmp_path, bag, files, resume=True)
    assert ended(begun(lambda: whole(request))) == 0  # in a child too, since who forks must not compute
    wanted = content(tmp_path / "whole")
    generator, killed, code, seen = random.Random(0), 0, None, 0
    while code != 0:
        child = begun(lambda: predict_folder(request))
        deadline = time.monotonic() + 60
        while killed < 6 and len(parts(tmp_path / "out")) <= seen and time.monotonic() < deadline:
            time.sleep(0.002)
        if killed < 6:
            time.sleep(generator.random() * 0.05)
            os.kill(child, signal.SIGKILL)
        code = ended(child)
        assert code in (0, -signal.SIGKILL)
        killed += code != 0
        seen = len(parts(tmp_path / "out"))
    assert killed == 6
    assert ids(tmp_path / "out") == all_ids(files)
    assert content(tmp_path / "out") == wanted
    assert json.loads((tmp_path / "out" / "_SUCCESS").read_text())["rows_out"] == 600
