"""What a node says of itself before it is given runs, and the surroundings that a run has there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lightune.clusters import Needs
from lightune.records import RunKey
from lightune.study import on_node
from lightune.study.runs import RunSpec
from lightune.version import VERSION

HOLDS = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[on_node.Look]:
    """What is as it should be: the lock is held by another process."""
    (tmp_path / "token").write_text(f"x {VERSION}")
    lock = tmp_path / "lock"
    words = [sys.executable, "-c", HOLDS, str(lock)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield on_node.Look(str(tmp_path / "token"), f"x {VERSION}", str(lock), (str(tmp_path),))


@pytest.mark.full
def test_a_node_that_sees_all_has_nothing_to_say(asked):
    assert on_node.look(asked) is None


@pytest.mark.full
def test_what_a_node_does_not_see_is_said(asked, tmp_path, monkeypatch):
    for change, words in (
        ({"token": str(tmp_path / "none")}, "does not see"),
        ({"content": "y"}, "does not see"),
        ({"files": (str(tmp_path / "none"),)}, f"does not see {tmp_path / 'none'}"),
        ({"lock": str(tmp_path / "free")}, "does not see locks"),
        ({"lock": str(tmp_path / "token" / "lock")}, "cannot lock"),
    ):
        assert (on_node.look(replace(asked, **change)) or "").startswith(words), change
    monkeypatch.setattr(on_node, "VERSION", "0.0.0")
    assert "has lightune 0.0.0" in (on_node.look(asked) or "")


def spec(folder: Path) -> RunSpec:
    return RunSpec(None, "lora", RunKey("lora", 1, 0), "", str(folder), str(folder), None, "")  # type: ignore[arg-type]


def test_a_run_works_in_the_surroundings_of_the_study(tmp_path, monkeypatch):
    (tmp_path / "facts.json").touch()
    monkeypatch.setenv("HF_HOME", "before")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    told, seen = [], {}

    def in_worker(spec, progress):
        seen.update(os.environ, folder=os.getcwd())
        progress("train", 1, 2, {})
        progress("train", 2, 2, {})
        return "record"

    monkeypatch.setattr(on_node, "in_worker", in_worker)
    home = on_node.Surroundings(str(tmp_path), {"HF_HOME": "there"})
    here, before = Path.cwd(), dict(os.environ)
    done = on_node.run(lambda said, must: told.append((said, must)), spec(tmp_path), Needs(2.0, 0, 0), home)
    assert done == "record"
    assert told == [(("train", 1, 2, {}), False), (("train", 2, 2, {}), True)]
    assert (seen["HF_HOME"], seen["OMP_NUM_THREADS"], seen["folder"]) == ("there", "2", str(tmp_path))
    assert seen["CUDA_VISIBLE_DEVICES"] == ""
    assert (Path.cwd(), dict(os.environ)) == (here, before)


def test_a_node_that_does_not_see_the_study_says_so(tmp_path):
    with pytest.raises(on_node.Unseen, match="does not see"):
        on_node.run(lambda said, must: None, spec(tmp_path / "none"), Needs(1, 0, 0), on_node.Surroundings())
