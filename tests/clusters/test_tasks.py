"""Tasks on a cluster of one CPU: what they tell, how they end, and that none takes another's place."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lightune.clusters import Ended, Needs, Task, Tasks, connected, each_node, nodes
from lightune.clusters import tasks as module
from tests.fixtures.cluster import SmallCluster, small_cluster

pytest.importorskip("ray")
from ray.util.queue import _QueueActor

pytestmark = pytest.mark.full
ONE = Needs(1, 0, 0)


@pytest.fixture(scope="module")
def cluster() -> Iterator[SmallCluster]:
    with small_cluster(1) as made:
        yield made


@pytest.fixture(scope="module")
def ray(cluster: SmallCluster) -> Iterator[Any]:
    with connected(cluster.address) as found:
        yield found


@pytest.fixture
def tasks(ray: Any) -> Iterator[Tasks]:
    made = Tasks(ray)
    yield made
    made.stop(10)
    made.close()


def all_of(tasks: Tasks) -> tuple[list[tuple[str, Any]], dict[str, Ended]]:
    """What the tasks tell, and how each ends."""
    heard, ends = [], {}
    while len(tasks):
        told, ended = tasks.step(1.0)
        heard += [(task.name, said) for task, said in told]
        ends |= {one.task.name: one for one in ended}
    return heard, ends


def counts(tell: Callable[..., None], log: str, name: str) -> str:
    """Writes down when it is at work, and talks all the time."""
    with Path(log).open("a") as lines:
        lines.write(f"{name} begins\n")
    for at in range(20):
        tell(at, must=True)
        time.sleep(0.02)
    with Path(log).open("a") as lines:
        lines.write(f"{name} ends\n")
    return name.upper()


def test_a_task_that_talks_keeps_its_place_until_it_ends(tasks, tmp_path):
    log = tmp_path / "log"
    for name in "abc":
        tasks.submit(Task(name, counts, (str(log), name), ONE))
    heard, ends = all_of(tasks)
    assert {name: end.value for name, end in ends.items()} == {"a": "A", "b": "B", "c": "C"}
    for name in "abc":
        assert [said for who, said in heard if who == name] == [None, *range(20)]
    lines = log.read_text().splitlines()
    assert [line.split()[1] for line in lines] == ["begins", "ends"] * 3
    assert set(tasks.places.values()) == {nodes(tasks._ray)[0].id}


LATE_SECONDS = 4.0


class Late(_QueueActor):
    """As on a machine with much else to do."""

    def __init__(self, size: int) -> None:
        time.sleep(LATE_SECONDS)
        super().__init__(size)


def test_what_listens_is_there_before_the_first_task(ray, monkeypatch):
    monkeypatch.setattr(ray.util.queue, "_QueueActor", Late)
    with closing(Tasks(ray)) as tasks:
        begun = time.monotonic()
        assert tasks._queue.size() == 0
        assert time.monotonic() - begun < LATE_SECONDS / 2


def test_tasks_begin_although_nothing_listens(ray, monkeypatch):
    monkeypatch.setattr(ray.util.queue, "_QueueActor", Late)
    monkeypatch.setattr(module, "LISTENS_SECONDS", 0.1)
    begun = time.monotonic()
    with closing(Tasks(ray)):
        assert time.monotonic() - begun < LATE_SECONDS / 2


def fails(tell: Callable[..., None]) -> None:
    raise ValueError("no luck")


def dies(tell: Callable[..., None]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_how_a_task_ended_is_told_apart(tasks):
    tasks.submit(Task("fails", fails, (), ONE))
    tasks.submit(Task("dies", dies, (), ONE))
    _, ends = all_of(tasks)
    assert isinstance(ends["fails"].fault, ValueError)
    assert ends["fails"].lost is None
    assert ends["dies"].fault is None
    assert (ends["dies"].lost or "").startswith("WorkerCrashedError")
    assert not ends["dies"].memory


def test_a_task_that_has_no_place_any_more_ends(tasks, monkeypatch):
    monkeypatch.setattr(module, "PLACE_SECONDS", 0.0)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)
    tasks.submit(Task("large", fails, (), Needs(5, 0, 0)))
    _, ends = all_of(tasks)
    assert "no node of the cluster has 5 CPUs and no GPU" in str(ends["large"].fault)


def waits(tell: Callable[..., None], mark: str) -> None:
    try:
        tell("waiting", must=True)
        while True:
            time.sleep(0.05)
    finally:
        Path(mark).touch()


def test_what_is_stopped_can_tidy_up(tasks, tmp_path):
    tasks.submit(Task("waits", waits, (str(tmp_path / "mark"),), ONE))
    tasks.submit(Task("later", waits, (str(tmp_path / "other"),), ONE))
    told: list[Any] = []
    while not any(said == "waiting" for _, said in told):
        told += tasks.step(1.0)[0]
    tasks.stop(60)
    assert (tmp_path / "mark").exists()
    assert not (tmp_path / "other").exists()
    assert len(tasks) == 0


def test_a_task_whose_other_nodes_are_gone_is_done_on_the_one_it_avoids(cluster, ray, tasks, tmp_path):
    (here,) = nodes(ray)
    other = cluster.add(1)
    try:
        tasks.submit(Task("holds the other", waits, (str(tmp_path / "mark"),), ONE, avoid=here.id))
        told: list[Any] = []
        while not told:
            told += tasks.step(1.0)[0]
        tasks.submit(Task("late", counts, (str(tmp_path / "log"), "late"), ONE, avoid=here.id))
        cluster.kill(other)
    finally:
        cluster.forget(other)
    ends: list[Ended] = []
    for _ in range(60):
        if len(tasks):
            ends += tasks.step(1.0)[1]
    assert {end.task.name: end.value for end in ends} == {"holds the other": None, "late": "LATE"}
    assert {task.name: place for task, place in tasks.places.items()}["late"] == here.id


def test_each_node_answers(ray):
    ((node, said, wrong),) = each_node(ray, len, "abc", seconds=60)
    assert (node.cpus, said, wrong) == (1, 3, None)
    ((_, said, wrong),) = each_node(ray, fails, None, seconds=60)
    assert (said, wrong) == (None, "cannot do its part (ValueError: no luck)")
