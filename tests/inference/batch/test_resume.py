"""A run that is cut off, at any point, and goes on: the bytes of one that was not."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from soak.kills import kill_often, run_in_child, write_input

from lightune.compute import scorer
from lightune.data import Cut, row_sources
from lightune.errors import ConfigError, DataError, RunError
from lightune.inference import BatchRequest, Wanted, classifier, predict_file
from lightune.inference.batch import formats, predict
from lightune.inference.batch.job import JobFolder

ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet")
ROWS = 40


class CutOff(BaseException):
    """Something that nothing expects."""


def request_for(folder: Path, artefact: Path, ending: str = ".csv", rows: int = ROWS, **options) -> BatchRequest:
    given = write_input(folder / f"in{ending}", rows)
    return BatchRequest({"": artefact}, given, folder / f"out{ending}", cut=Cut(10, 2**20), **options)


def stop_at(count: int, phase: str = "label"):
    """Progress that interrupts when so many rows, or parts, are told of."""

    def progress(told, done, total, facts):
        if told == phase and (facts.get("kept", 0) if phase == "label" else done) >= count:
            raise CutOff

    return progress


def whole(request: BatchRequest) -> bytes:
    target = request.target.with_name(f"whole{request.target.suffix}")
    predict_file(replace(request, target=target))
    return target.read_bytes()


@pytest.mark.full
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(("rows", "phase"), [(10, "label"), (20, "label"), (40, "label"), (2, "write"), (4, "write")])
def test_an_interrupted_run_ends_in_the_same_bytes(bag, tmp_path, ending, rows, phase):
    request = request_for(tmp_path, bag, ending)
    wanted = whole(request)
    with pytest.raises(CutOff):
        predict_file(request, stop_at(rows, phase))
    assert not request.target.exists()
    kept = sorted(path.name for path in (tmp_path / f"out{ending}.parts").glob("part-*"))
    assert len(kept) == (rows // 10 if phase == "label" else 4)
    told = []
    resumed = replace(request, resume=True)
    assert predict_file(resumed, lambda *heard: told.append(heard)) == ROWS
    assert request.target.read_bytes() == wanted
    assert max(facts.get("before", 0) for *_, facts in told) == 10 * len(kept)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"in{ending}", f"out{ending}", f"whole{ending}"])


@pytest.mark.full
def test_interrupted_after_every_window_in_turn(bag, tmp_path):
    request = replace(request_for(tmp_path, bag, ".jsonl"), resume=True)
    wanted = whole(request)
    for done in range(10, ROWS + 10, 10):
        with pytest.raises(CutOff):
            predict_file(request, stop_at(done))
        assert len(list((tmp_path / "out.jsonl.parts").glob("part-*"))) == done // 10
    assert predict_file(request) == ROWS
    assert request.target.read_bytes() == wanted
    assert len(wanted.splitlines()) == ROWS


def test_a_window_that_is_done_is_not_answered_again(bag, tmp_path, monkeypatch):
    request = request_for(tmp_path, bag)
    with pytest.raises(CutOff):
        predict_file(request, stop_at(30))
    answered = []
    plain = predict.texts_of
    monkeypatch.setattr(predict, "texts_of", lambda *given: (answered.append(1), plain(*given))[1])
    predict_file(replace(request, resume=True))
    assert len(answered) == 1


@pytest.mark.full
@pytest.mark.parametrize("rows", [250])
def test_lora_is_merged_or_not_for_the_whole_job_and_the_bytes_stay(lora, tmp_path, monkeypatch, rows):
    """A process that goes on with the last few rows would by itself compute them beside the weights."""
    request = replace(request_for(tmp_path, lora, rows=rows), cut=Cut(220, 2**20))
    merged = []
    plain = scorer.merge_plain_lora
    monkeypatch.setattr(scorer, "merge_plain_lora", lambda model: (merged.append(1), plain(model))[1])
    wanted = whole(request)
    assert len(merged) == 2
    with pytest.raises(CutOff):
        predict_file(request, stop_at(220))
    merged.clear()
    predict_file(replace(request, resume=True))
    assert len(merged) == 1
    assert request.target.read_bytes() == wanted
    small = request_for(tmp_path, lora, rows=20)
    merged.clear()
    predict_file(replace(small, target=tmp_path / "small.csv"))
    assert merged == []


def test_threads_and_measured_choices_are_those_that_the_job_began_with(bag, tmp_path, monkeypatch):
    request = request_for(tmp_path, bag)
    monkeypatch.setattr(predict, "onednn_pays", lambda: True)
    with pytest.raises(CutOff):
        predict_file(request, stop_at(10))
    record = json.loads((tmp_path / "out.csv.parts" / "job.json").read_text())
    before = torch.get_num_threads()
    assert record["choices"] == {"threads": before, "onednn": True, "layouts": True}
    record["choices"]["threads"] = before + 1
    (tmp_path / "out.csv.parts" / "job.json").write_text(json.dumps(record))
    monkeypatch.setattr(predict, "onednn_pays", lambda: pytest.fail("it is not measured again"))
    seen = []
    plain = predict._answer
    monkeypatch.setattr(predict, "_answer", lambda *given: (seen.append(torch.get_num_threads()), plain(*given))[1])
    predict_file(replace(request, resume=True))
    assert seen == [before + 1]
    assert torch.get_num_threads() == before


@pytest.mark.full
def test_an_arm_without_a_model_does_not_take_the_layouts_from_another_one(bag, lora, tmp_path, monkeypatch):
    monkeypatch.setattr(classifier, "layouts_fit", lambda models: True)
    for number, arms in enumerate(({"": lora}, {"lora_": lora, "tfidf_": bag})):
        request = replace(request_for(tmp_path, lora), arms=arms, target=tmp_path / f"out{number}.csv")
        with pytest.raises(CutOff):
            predict_file(request, stop_at(10))
        record = json.loads((tmp_path / f"out{number}.csv.parts" / "job.json").read_text())
        assert record["choices"]["layouts"] is True


def test_what_was_cut_off_is_neither_overwritten_nor_forgotten(bag, tmp_path):
    request = request_for(tmp_path, bag)
    with pytest.raises(CutOff):
        predict_file(request, stop_at(20))
    with pytest.raises(ConfigError, match=r"out\.csv\.parts, 2 of 4 parts done.*--resume"):
        predict_file(request)
    assert len(list((tmp_path / "out.csv.parts").glob("part-*"))) == 2


def test_cut_off_before_the_first_window_leaves_nothing(bag, tmp_path):
    request = request_for(tmp_path, bag)
    with pytest.raises(CutOff):
        predict_file(request, stop_at(0, "check"))
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]
    assert predict_file(request) == ROWS


def test_a_record_without_a_part_binds_nobody(bag, tmp_path):
    """As a kill in the first window leaves it."""
    request = request_for(tmp_path, bag)
    (tmp_path / "out.csv.parts").mkdir()
    for name in (".lock", "job.json", ".partial"):
        (tmp_path / "out.csv.parts" / name).write_text("")
    assert predict_file(replace(request, resume=True)) == ROWS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_resume_without_anything_to_go_on_with_begins(bag, tmp_path):
    assert predict_file(replace(request_for(tmp_path, bag), resume=True)) == ROWS


CHANGES = {
    "the content of the input": lambda request: request.source.write_text(request.source.read_text() + "9,good,1\n"),
    "--top-k": {"wanted": Wanted(top_k=2)},
    "--abstain-below": {"wanted": Wanted(abstain_below=0.5)},
    "--no-probabilities": {"wanted": Wanted(probabilities=False)},
    "--calibrated": {"wanted": Wanted(calibrated=True)},
    "--spreadsheet-safe": {"spreadsheet_safe": True},
    "--text-column": {"text_column": "id"},
    "the size of a window": {"cut": Cut(5, 2**20)},
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_job_is_refused_and_says_what_differs(bag, tmp_path, name):
    request = request_for(tmp_path, bag)
    with pytest.raises(CutOff):
        predict_file(request, stop_at(20))
    change = CHANGES[name]
    if callable(change):
        change(request)
        change = {}
    with pytest.raises(ConfigError, match=f"what differs: {name}\\. .*delete that folder"):
        predict_file(replace(request, resume=True, **change))
    assert len(list((tmp_path / "out.csv.parts").glob("part-*"))) == 2


@pytest.mark.full
def test_another_artefact_or_version_is_refused(bag, lora, tmp_path, monkeypatch):
    request = request_for(tmp_path, bag)
    with pytest.raises(CutOff):
        predict_file(request, stop_at(20))
    with pytest.raises(ConfigError, match="what differs: what the arm saved"):
        predict_file(replace(request, arms={"": lora}, resume=True))
    monkeypatch.setattr(predict, "machine", lambda: {"the version of torch": "1.0"})
    with pytest.raises(ConfigError, match="the version of torch"):
        predict_file(replace(request, resume=True))


@pytest.mark.parametrize("harm", ["nothing", "{", '{"format": 0}', '{"format": 1}', "[]"])
def test_a_record_that_is_damaged_is_told_of(bag, tmp_path, harm):
    request = request_for(tmp_path, bag)
    with pytest.raises(CutOff):
        predict_file(request, stop_at(20))
    (tmp_path / "out.csv.parts" / "job.json").write_text(harm)
    with pytest.raises(ConfigError, match=r"--resume: .*out\.csv\.parts.*[Dd]elete that folder"):
        predict_file(replace(request, resume=True))
    with pytest.raises(ConfigError, match="2 parts done"):
        predict_file(request)


def test_a_part_that_was_harmed_is_found_and_made_again(bag, tmp_path):
    request = request_for(tmp_path, bag)
    wanted = whole(request)
    with pytest.raises(CutOff):
        predict_file(request, stop_at(30))
    part = sorted((tmp_path / "out.csv.parts").glob("part-*"))[1]
    part.write_bytes(part.read_bytes().replace(b"0", b"1", 1))
    with pytest.raises(RunError, match=f"{part.name} was harmed"):
        predict_file(replace(request, resume=True))
    assert not request.target.exists()
    predict_file(replace(request, resume=True))
    assert request.target.read_bytes() == wanted


def test_an_input_that_changes_while_it_is_read_gives_no_part(bag, tmp_path, monkeypatch):
    """What was read since would stand in the output, once the input is put back and the run goes on."""
    monkeypatch.setattr(row_sources, "_PIECE", 16)
    monkeypatch.setattr(row_sources, "START", 16)
    request = request_for(tmp_path, bag)
    before, wanted = request.source.read_bytes(), whole(request)

    def change(phase, done, total, facts):
        if facts.get("kept") == 20:
            request.source.write_bytes(before.replace(b"good", b"evil"))

    with pytest.raises(RunError, match=r"was written to while it was read.*--resume"):
        predict_file(request, change)
    assert not request.target.exists()
    with pytest.raises(ConfigError, match="the content of the input"):
        predict_file(replace(request, resume=True))
    request.source.write_bytes(before)
    assert predict_file(replace(request, resume=True)) == ROWS
    assert request.target.read_bytes() == wanted


@pytest.mark.parametrize("last", [False, True])
def test_an_input_that_is_touched_goes_on_with_resume(bag, tmp_path, last):
    request = request_for(tmp_path, bag)
    wanted = whole(request)

    def touch(phase, done, total, facts):
        if facts.get("kept") == (ROWS if last else 20):
            os.utime(request.source, ns=(1, 1))

    with pytest.raises(RunError, match=r"out\.csv\.parts: once the input stays as it is, --resume goes on"):
        predict_file(request, touch)
    assert predict_file(replace(request, resume=True)) == ROWS
    assert request.target.read_bytes() == wanted


@pytest.mark.full
def test_only_one_process_writes_an_output(bag, tmp_path):
    request = request_for(tmp_path, bag)
    (tmp_path / "out.csv.parts").mkdir()
    with FileLock(tmp_path / "out.csv.parts" / ".lock"), pytest.raises(ConfigError, match="another process"):
        predict_file(request)
    assert predict_file(request) == ROWS


def test_a_folder_that_holds_something_else_is_left_alone(bag, tmp_path):
    request = request_for(tmp_path, bag)
    (tmp_path / "out.csv.parts").mkdir()
    (tmp_path / "out.csv.parts" / "thesis.txt").write_text("mine")
    for resume in (False, True):
        with pytest.raises(ConfigError, match="holds something else"):
            predict_file(replace(request, resume=resume))
    assert (tmp_path / "out.csv.parts" / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("at", ["part", "whole"])
def test_a_full_disk_is_a_sentence_and_what_is_done_stays(bag, tmp_path, monkeypatch, at):
    request = request_for(tmp_path, bag)
    wanted = whole(request)

    def full(self, path, *_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if at == "whole":
            patch.setattr(formats.Delimited, "put_together", lambda self, parts, path: full(self, path))
        else:
            calls = []
            plain = formats.Delimited.write_part
            patch.setattr(
                formats.Delimited,
                "write_part",
                lambda self, *rest: full(self, rest) if (calls.append(1), len(calls) > 2)[1] else plain(self, *rest),
            )
        with pytest.raises(RunError, match=r"No space left on device.*--resume") as caught:
            predict_file(request)
    assert caught.value.exit_code == 1
    predict_file(replace(request, resume=True))
    assert request.target.read_bytes() == wanted


def test_a_folder_that_cannot_be_written_is_a_sentence(bag, tmp_path, monkeypatch):
    request = request_for(tmp_path, bag)

    def denied(self, **_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(ConfigError, match=r"--output .*Permission denied"):
        predict_file(request)


def killed_at_the_very_end(request, monkeypatch, after: int):
    """As a SIGKILL leaves it that comes when the output is in its place, and so many files of the folder are gone."""
    with monkeypatch.context() as patch:
        plain, gone = Path.unlink, []

        def unlink(path, **options):
            if path.parent.name == "out.csv.parts" and request.target.exists():
                if len(gone) == after:
                    raise CutOff
                gone.append(path)
            plain(path, **options)

        patch.setattr(Path, "unlink", unlink)
        with pytest.raises(CutOff):
            predict_file(request)
    assert (request.target.with_name("out.csv.parts") / ".lock").exists()


@pytest.mark.parametrize("after", range(9))  # four parts, four other names, the lock
def test_killed_at_the_very_end_it_ends_in_the_same_bytes(bag, tmp_path, monkeypatch, after):
    request = request_for(tmp_path, bag)
    killed_at_the_very_end(request, monkeypatch, after)
    wanted = request.target.read_bytes()
    assert predict_file(replace(request, resume=True)) == ROWS
    assert request.target.read_bytes() == wanted
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_a_name_that_a_killed_process_left_half_written_keeps_nobody_out(bag, tmp_path, monkeypatch):
    request = request_for(tmp_path, bag)
    killed_at_the_very_end(request, monkeypatch, 0)
    (tmp_path / "out.csv.parts" / "..lock.holder.4194305.1.partial").write_text("{")
    for _ in range(2):  # the second time it is a new job
        assert predict_file(replace(request, resume=True)) == ROWS
        assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_killed_at_the_very_end_is_no_output_of_another_job(bag, tmp_path, monkeypatch):
    request = request_for(tmp_path, bag)
    killed_at_the_very_end(request, monkeypatch, 0)
    before = request.target.read_bytes()
    other = replace(request, wanted=Wanted(top_k=1), resume=True)
    with pytest.raises(ConfigError, match="what differs: --top-k"):
        predict_file(other)
    assert request.target.read_bytes() == before


def test_files_of_others_in_the_folder_stay(bag, tmp_path):
    request = request_for(tmp_path, bag)
    folder = tmp_path / "out.csv.parts"
    folder.mkdir()
    (folder / ".lock").touch()
    for name in ("thesis.txt", "part-of-mine", "part-1-x"):
        (folder / name).write_text("mine")
    with pytest.raises(CutOff):
        predict_file(request, stop_at(20))
    assert predict_file(replace(request, resume=True)) == ROWS
    assert sorted(path.name for path in folder.iterdir()) == ["part-1-x", "part-of-mine", "thesis.txt"]


def test_a_file_in_the_folder_s_place_is_a_sentence(bag, tmp_path):
    request = request_for(tmp_path, bag)
    (tmp_path / "out.csv.parts").write_text("mine")
    with pytest.raises(ConfigError, match=r"out\.csv\.parts, which is a file"):
        predict_file(request)
    assert (tmp_path / "out.csv.parts").read_text() == "mine"


@pytest.mark.parametrize("at", ["iterdir", "exists"])
def test_a_folder_that_another_process_has_just_removed_is_made_again(bag, tmp_path, monkeypatch, at):
    request = request_for(tmp_path, bag)
    folder, plain, gone = tmp_path / "out.csv.parts", getattr(Path, at), []

    def vanishing(path):
        if not gone and path in (folder, folder / ".lock"):
            gone.append(path)
            shutil.rmtree(folder)
        return plain(path)

    monkeypatch.setattr(Path, at, vanishing)
    assert predict_file(request) == ROWS
    assert gone


def test_a_process_that_is_done_leaves_the_folder_of_the_next_one_alone(bag, tmp_path, monkeypatch):
    """The next one begins in the moment in which the lock's name is gone."""
    request = request_for(tmp_path, bag)
    folder, plain = tmp_path / "out.csv.parts", Path.rmdir
    with contextlib.ExitStack() as stack:

        def rmdir(path):
            stack.enter_context(JobFolder(request.target).held())
            plain(path)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "rmdir", rmdir)
            assert predict_file(request) == ROWS
        assert (folder / ".lock").exists()
        with pytest.raises(ConfigError, match=f"process {os.getpid()} .* is writing it"):
            predict_file(request)
    assert not folder.exists()


def test_an_old_output_stays_until_the_new_one_is_whole(bag, tmp_path):
    request = request_for(tmp_path, bag)
    request.target.write_text("old")
    with pytest.raises(CutOff):
        predict_file(request, stop_at(4, "write"))
    assert request.target.read_text() == "old"


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
def test_a_target_that_cannot_be_written_is_refused_before_any_work(bag, tmp_path, target, said):
    request = request_for(tmp_path, bag)
    (tmp_path / "folder.csv").mkdir()
    before = request.source.read_bytes()
    with pytest.raises(ConfigError, match=said):
        predict_file(replace(request, target=tmp_path / target))
    assert request.source.read_bytes() == before


def test_a_tilde_is_one_s_home_and_a_pipe_with_a_name_is_refused(bag, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    request = replace(request_for(tmp_path, bag), source=Path("~/in.csv"), target=Path("~/out.csv"))
    assert predict_file(request) == ROWS
    assert (tmp_path / "out.csv").exists()
    assert BatchRequest({}, Path("~nobody-of-this-name/in.csv"), Path("-")).source.name == "in.csv"
    os.mkfifo(tmp_path / "f.csv")
    with pytest.raises(DataError, match=r"f\.csv is no regular file.*--input -$"):
        predict_file(replace(request, source=tmp_path / "f.csv"))


def test_an_input_that_is_not_there_or_no_text_is_named(bag, tmp_path):
    request = request_for(tmp_path, bag)
    for name in ("absent.csv", "in.csv.gz"):
        with pytest.raises(DataError, match=name):
            predict_file(replace(request, source=tmp_path / name))
    bad = tmp_path / "bad.csv"
    bad.write_bytes(b"text,n\n" + b"good,1\n" * 30 + b"caf\xe9,1\n")
    with pytest.raises(DataError, match="line 32"):
        predict_file(replace(request, source=bad))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv", "in.csv"]


@pytest.mark.full
def test_a_killed_process_frees_the_lock_and_its_parts_serve(bag, tmp_path):
    request = request_for(tmp_path, bag, rows=400)
    wanted = whole(request)

    def wait():
        while len(list(tmp_path.glob("out.csv.parts/part-*"))) < 3:
            pass

    assert run_in_child(request, wait) == -signal.SIGKILL
    assert predict_file(replace(request, resume=True)) == 400
    assert request.target.read_bytes() == wanted


@pytest.mark.full
@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_kills_at_random_times_end_in_the_same_bytes(bag, tmp_path, ending):
    found = kill_often("few", bag, tmp_path, ending, rows=500, kills=3, seed=1, windows=25)
    assert found.same
    assert found.kills == 3
    assert found.outputs > 0
