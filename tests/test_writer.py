"""One writer at a time, and who it is."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from lightune import writer
from lightune.errors import ConfigError
from lightune.writer import Held, WriterLock, only_writer


@pytest.fixture
def lock(tmp_path):
    held = WriterLock(tmp_path / ".lock")
    held.take()
    yield held
    held.release()


def test_who_comes_second_is_told_the_process_what_it_is_and_since_when(lock, monkeypatch):
    with pytest.raises(Held) as said:
        WriterLock(lock.path).take()
    assert re.fullmatch(rf"process {os.getpid()} \(.*since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\S+\)", str(said.value))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["/x/lightune/__main__.py", "study", "--out", "secret"], "lightune study"),
        (["/x/bin/lightune", "predict", "secret"], "lightune predict"),
        (["/x/train.py", "--key", "secret"], "train.py"),
        ([""], ""),
    ],
)
def test_of_a_command_its_name_and_its_verb_are_told_and_no_option(tmp_path, monkeypatch, words, told):
    monkeypatch.setattr(writer.sys, "argv", words)
    held = WriterLock(tmp_path / ".lock")
    held.take()
    assert json.loads(held.holder.read_text())["command"] == told
    with pytest.raises(Held, match="process") as said:
        WriterLock(held.path).take()
    held.release()
    assert "secret" not in str(said.value)


def test_it_is_free_again_and_tells_of_nobody(lock, tmp_path):
    lock.release()
    assert [path.name for path in tmp_path.iterdir()] in ([], [".lock"])
    lock.take()


@pytest.mark.full
def test_what_a_killed_process_left_is_not_believed(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "LOOKS", 2)
    held = WriterLock(tmp_path / ".lock")
    dead = {"pid": 2**22 + 1, "host": writer.socket.gethostname(), "command": "x", "since": "then"}
    huge = json.dumps({**dead, "pid": 10**20})
    held.holder.write_text(json.dumps(dead))
    held.take()  # nobody holds the lock, whatever stands there
    for left in (json.dumps(dead), "{", json.dumps({"pid": 1}), json.dumps([1]), "[" * 100_000, huge, '{"pid": 1e400}'):
        held.holder.write_text(left)
        with pytest.raises(Held, match=r"^another process$"):
            WriterLock(held.path).take()
    held.holder.write_text(json.dumps({**dead, "host": "elsewhere"}))
    with pytest.raises(Held, match=r"^process 4194305 on elsewhere \(x, since then\)$"):
        WriterLock(held.path).take()
    held.release()


@pytest.mark.full
def test_what_a_process_that_was_killed_while_it_named_itself_left_goes(tmp_path):
    killed = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from lightune.writer import WriterLock\n"
        "os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)\n"
        "WriterLock(Path(sys.argv[1])).take()\n"
    )
    path = tmp_path / ".lock"
    assert subprocess.run([sys.executable, "-c", killed, str(path)]).returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob("..lock.holder.*.partial"))) == 1
    with only_writer(path, str, remove=True):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_costs_the_name_and_not_the_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "LOOKS", 1)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "whole_file", full)
    held = WriterLock(tmp_path / ".lock")
    held.take()
    with pytest.raises(Held, match="another process"):
        WriterLock(held.path).take()
    held.release()


def test_what_cannot_be_swept_costs_nothing(tmp_path, monkeypatch):
    held = WriterLock(tmp_path / ".lock")
    left = tmp_path / f".{held.holder.name}.x.partial"
    left.mkdir()  # which no unlink removes
    held.take()
    with pytest.raises(Held, match=f"process {os.getpid()}"):
        WriterLock(held.path).take()
    held.release()


def test_files_of_a_lock_that_is_not_to_stay_are_removed(tmp_path):
    with only_writer(tmp_path / ".lock", str, remove=True):
        assert {path.name for path in tmp_path.iterdir()} == {".lock", ".lock.holder"}
        with pytest.raises(ConfigError, match=f"process {os.getpid()}"), only_writer(tmp_path / ".lock", str):
            pass
    assert list(tmp_path.iterdir()) == []
