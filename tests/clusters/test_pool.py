"""Units given to actors: each is done, whoever dies meanwhile."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from lightune.clusters import Needs, Pool, pool, room_for
from lightune.errors import ConfigError, DataError, RunError
from tests.fixtures.two_nodes import TwoNodes, two_nodes

__all__ = ["two_nodes"]
pytestmark = pytest.mark.full


class Marker:
    """Leaves a line a unit in a file; `die…` ends its process, as long as there is a reason to."""

    def __init__(self, folder: Path, loading: str = "") -> None:
        self._folder, self._loading, self._done = folder, loading, 0
        if loading == "not there":
            raise ModuleNotFoundError("No module named 'lightune'")

    def load(self) -> None:
        if self._loading == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self._loading == "refuse":
            raise DataError("there is no such model")

    def label(self, unit: str) -> int:
        if unit == "refuse":
            raise DataError("row 7 is no text")
        if unit.startswith("die"):
            tries = self._folder / unit
            died = len(tries.read_text()) if tries.exists() else 0
            if died < int(unit.removeprefix("die")):
                tries.write_text("x" * (died + 1))
                os.kill(os.getpid(), signal.SIGKILL)
        if unit == "long":
            for self._done in range(1, 31):
                time.sleep(0.1)
        with (self._folder / "done").open("a") as file:
            file.write(f"{unit}\n")
        self._done = 0
        return 1

    def progress(self) -> int:
        return self._done


NEEDS = Needs(1, 0, 10**8)


def work(nodes: TwoNodes, folder: Path, units: list[str], loading: str = "") -> tuple[list[str], list[tuple[str, int]]]:
    done: list[str] = []
    told: list[tuple[str, int]] = []
    made = Pool[str](nodes.ray, Marker, (folder, loading), NEEDS, 2)
    made.work(units, done.append, lambda unit, rows: told.append((unit, rows)), lambda unit: f"unit {unit}")
    return done, told


def test_every_unit_is_done_once_and_progress_is_heard(two_nodes, tmp_path):
    units = ["long", *(f"unit {at}" for at in range(20))]
    done, told = work(two_nodes, tmp_path, units)
    assert sorted(done) == sorted(units) == sorted((tmp_path / "done").read_text().splitlines())
    heard = [rows for unit, rows in told if unit == "long"]
    assert heard == sorted(heard)
    assert max(heard) > 1
    assert two_nodes.none_left("Marker")


def test_a_unit_whose_worker_dies_twice_is_done(two_nodes, tmp_path):
    done, told = work(two_nodes, tmp_path, ["a", "die2", "b", "c"])
    assert sorted(done) == ["a", "b", "c", "die2"] == sorted((tmp_path / "done").read_text().splitlines())
    assert told.count(("die2", 0)) >= 2


def test_a_unit_that_kills_three_workers_ends_it_and_is_named(two_nodes, tmp_path):
    with pytest.raises(
        RunError, match=r"unit die3: 3 workers died of it, .*its process was killed or crashed.*--resume"
    ):
        work(two_nodes, tmp_path, ["die3", "a"])
    assert two_nodes.none_left("Marker")


def test_what_a_worker_refuses_is_raised_as_it_is(two_nodes, tmp_path):
    with pytest.raises(DataError, match=r"^row 7 is no text$"):
        work(two_nodes, tmp_path, ["a", "refuse"])
    with pytest.raises(DataError, match=r"^there is no such model$"):
        work(two_nodes, tmp_path, ["a"], "refuse")


@pytest.mark.parametrize(
    ("loading", "why"), [("die", "its process was killed"), ("not there", "ModuleNotFoundError: No module named")]
)
def test_workers_that_die_before_they_begin_end_it(two_nodes, tmp_path, loading, why):
    with pytest.raises(RunError, match=f"3 workers one after the other died before they had begun: {why}"):
        work(two_nodes, tmp_path, ["a", "b"], loading)


def test_where_nobody_answers_it_ends(two_nodes, tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "PATIENCE", 1.0)
    nowhere = Pool[str](two_nodes.ray, Marker, (tmp_path,), Needs(64, 0, 0), 1)
    with pytest.raises(RunError, match="No worker has answered for 1 s"):
        nowhere.work(["a"], print, print, str)


def test_an_interrupt_leaves_no_actor(two_nodes, tmp_path):
    timer = threading.Timer(3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        work(two_nodes, tmp_path, ["long"] * 50)
    assert two_nodes.none_left("Marker")


@pytest.mark.parametrize(
    ("needs", "asked", "said"),
    [
        (Needs(1, 1, 0), None, r"--workers 1: each asks for 1 CPU and 1 GPU, .* room for 0.*\(1 CPU, no GPU"),
        (Needs(2, 0, 0), None, "each asks for 2 CPUs"),
        (Needs(1, 0, 10**12), None, "1000.0 GB of memory"),
        (Needs(1, 0, 0), 3, "--workers 3: .* room for 2"),
    ],
)
def test_more_than_the_cluster_has_is_refused(two_nodes, needs, asked, said):
    with pytest.raises(ConfigError, match=said):
        room_for(two_nodes.ray, needs, asked)


def test_there_are_as_many_workers_as_have_room(two_nodes):
    assert room_for(two_nodes.ray, Needs(1, 0, 0), None) == 2
    assert room_for(two_nodes.ray, Needs(1, 0, 0), 1) == 1
