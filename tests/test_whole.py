from __future__ import annotations

import os
from pathlib import Path

import pytest

from lightune import whole
from lightune.whole import sweep, sync_tree, whole_file, write_whole


def test_a_file_takes_its_place_when_all_went_well(tmp_path):
    write_whole(tmp_path / "a.txt", "ü\r\n")
    assert (tmp_path / "a.txt").read_bytes() == "ü\r\n".encode()
    with whole_file(tmp_path / "a.txt") as scratch:
        scratch.write_text("new")
        assert (tmp_path / "a.txt").read_bytes() == "ü\r\n".encode()
    assert (tmp_path / "a.txt").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_what_goes_wrong_leaves_the_old_file_and_nothing_else(tmp_path):
    write_whole(tmp_path / "a.txt", "old")
    with pytest.raises(UnicodeEncodeError), whole_file(tmp_path / "a.txt") as scratch:
        scratch.write_text("half of \ud800", encoding="utf-8")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.fixture
def told(monkeypatch):
    """What is asked of the disk, in order: `sync NAME` and `name NAME`."""
    heard = []
    real = os.replace

    def fsync(descriptor):
        heard.append(f"sync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name}")

    def replace(before, after):
        heard.append(f"name {Path(after).name}")
        real(before, after)

    monkeypatch.setattr(whole.os, "fsync", fsync)
    monkeypatch.setattr(whole.os, "replace", replace)
    return heard


def test_what_a_file_holds_is_on_the_disk_before_its_name_is(tmp_path, told):
    write_whole(tmp_path / "record.json", "{}")
    first, *rest = told
    assert first.startswith("sync .record.json.")
    assert rest == ["name record.json", f"sync {tmp_path.name}"]


def test_what_can_be_made_again_does_not_wait_for_the_disk(tmp_path, told):
    with whole_file(tmp_path / "cache", lasting=False) as scratch:
        scratch.write_text("x")
    assert told == ["name cache"]


def test_a_tree_is_synced_with_its_names_the_deepest_first(tmp_path, told):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("x")
    sync_tree(tmp_path)
    assert told == ["sync file", "sync b", "sync a", f"sync {tmp_path.name}"]


def test_a_disk_that_fails_while_it_is_synced_keeps_the_old_file(tmp_path, monkeypatch):
    write_whole(tmp_path / "a.txt", "old")

    def broken(descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(whole.os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output"):
        write_whole(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_what_killed_processes_left_is_swept_and_nothing_else(tmp_path):
    dead, alive = 2**22 + 1, os.getpid()
    deep = tmp_path / "runs" / "one"
    deep.mkdir(parents=True)
    stays = {f".a.json.{alive}.7.partial", "b.partial", ".c.partial", ".d.x.7.partial"}
    for name in (f".a.json.{dead}.7.partial", *stays):
        (deep / name).write_text("x")
    (deep / f".lora.{dead}.partial").mkdir()
    (deep / f".lora.{dead}.partial" / "x").write_text("x")
    sweep(tmp_path)
    assert {path.name for path in deep.iterdir()} == stays
