"""A study's runs as tasks of a Ray cluster of two nodes: done as they are here, whatever of it dies."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lightune.clusters import Tasks, connected, nodes
from lightune.config import TrainingConfig
from lightune.errors import ConfigError
from lightune.study import Event, RayFleet, in_process, on_node, on_ray, run_study
from tests.fixtures.cluster import SmallCluster, small_cluster
from tests.study.shared import quick_config, unchanged, write_reviews

pytest.importorskip("ray")
pytestmark = pytest.mark.full
# Long enough for something to happen in it, with a checkpoint every 20 steps.
LONG = TrainingConfig(max_steps=240, evaluations=12, patience=0)


@pytest.fixture(scope="module")
def cluster() -> Iterator[SmallCluster]:
    """Two nodes of one CPU each."""
    with small_cluster(1) as made:
        made.add(1)
        yield made


@pytest.fixture(scope="module")
def ray(cluster: SmallCluster) -> Iterator[Any]:
    with connected(cluster.address) as module:
        yield module


@pytest.fixture
def config(tiny_gpt2: Path, tmp_path: Path) -> Any:
    return quick_config(tiny_gpt2, write_reviews(tmp_path / "reviews", 30, 10), arms=("majority", "lora"))


def test_runs_are_done_on_both_nodes_as_they_are_here(ray, config, tmp_path, monkeypatch):
    config = replace(config, seeds=2)
    made: list[Tasks] = []
    monkeypatch.setattr(on_ray, "Tasks", lambda ray: made.append(Tasks(ray)) or made[-1])
    events: list[Event] = []
    there = run_study(config, tmp_path / "there", events.append, RayFleet(ray, cpus=1))
    (tasks,) = made
    assert len(tasks.places) == 3
    assert set(tasks.places.values()) == {node.id for node in nodes(ray)}
    here = run_study(config, tmp_path / "here", executor=in_process)
    done = [(arm.name, arm.status, len(arm.seeds)) for arm in there.arms]
    assert done == [("majority", "done", 1), ("lora", "done", 2)]
    for one, other in zip(there.arms, here.arms, strict=True):
        for name, metric in other.metrics.items():
            assert one.metrics[name].value == pytest.approx(metric.value, abs=1e-5, nan_ok=True)
    assert there.environment["cluster"] == {"nodes": 2, "cpus": 2.0, "gpus": 0}
    assert "executor" not in here.environment
    for key in {event.run for event in events if event.run is not None}:
        kinds = [event.kind for event in events if event.run == key]
        assert kinds[0] == "start"
        assert kinds[-1] == "done"
        assert kinds.count("start") == 1
    assert any(event.kind == "progress" and event.phase == "train" for event in events)
    assert run_study(config, tmp_path / "there", executor=RayFleet(ray)).arms[1].metrics == there.arms[1].metrics


class KillsItsNode:
    """Hears a training; at its `at`th step kills the node where it runs, puts another into the cluster, and remembers
    the steps it heard before and since."""

    def __init__(self, cluster: SmallCluster, at: int) -> None:
        self.cluster, self.at = cluster, at
        self.nodes = [cluster.add(3)]  # the only one that has as many CPUs
        self.before: list[int] = []
        self.after: list[int] = []
        self.notices: list[str] = []

    def __call__(self, event: Event) -> None:
        if event.kind == "notice":
            self.notices.append(event.phase)
        if event.kind == "progress" and event.phase == "train" and "note" not in (event.facts or {}):
            (self.after if self.notices else self.before).append(event.done)
            if event.done >= self.at and len(self.nodes) == 1:
                self.cluster.kill(self.nodes[0])
                self.nodes.append(self.cluster.add(3))


def test_a_run_whose_node_dies_goes_on_elsewhere_from_its_checkpoint(cluster, ray, config, tmp_path):
    watch = KillsItsNode(cluster, 21)
    try:
        config = replace(config, arms=("lora",), training=LONG)
        (lora,) = run_study(config, tmp_path / "out", watch, RayFleet(ray, cpus=3)).arms
    finally:
        for node in watch.nodes:
            cluster.forget(node)
    assert (lora.status, lora.training.steps) == ("done", LONG.max_steps)
    assert len(watch.notices) == 1
    assert "was lost (" in watch.notices[0]
    assert "2 of 3 times" in watch.notices[0]
    assert watch.before[0] == 1
    assert watch.after[0] > 20


POISON = """
import os, signal

class Poison:
    summary = "takes its process's parent with it"
    def __init__(self, context):
        with open(context.scratch / "tries", "a") as tries:
            tries.write("x")
        os.kill(os.getppid(), signal.SIGKILL)
        os._exit(1)
"""


@pytest.fixture
def poison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package with the arm `poison`."""
    site = tmp_path / "site"
    info = site / "poison-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "poison_arm.py").write_text(POISON)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: poison\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[lightune.arms]\npoison = poison_arm:Poison\n")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=":")
    yield
    sys.modules.pop("poison_arm", None)


@pytest.mark.usefixtures("poison")
def test_an_arm_whose_process_dies_each_time_has_failed_and_the_others_go_on(ray, config, tmp_path):
    config = replace(config, arms=("poison", "majority"))
    events: list[Event] = []
    poison, majority = run_study(config, tmp_path / "out", events.append, RayFleet(ray, cpus=1)).arms
    assert poison.status == "failed"
    assert "was lost 3 times" in poison.reason
    (tries,) = (tmp_path / "out").glob("runs/poison-*/tries")
    assert tries.read_text() == "xxx"
    assert len([event for event in events if event.kind == "notice"]) == 2
    assert majority.status == "done"


def test_what_no_node_has_is_refused_and_nothing_is_written(ray, config, tmp_path, monkeypatch):
    asked = {
        "4 CPUs": RayFleet(ray, cpus=4),
        "1 GPU": RayFleet(ray, gpus=1.0),
    }
    with unchanged(tmp_path):
        for words, fleet in asked.items():
            with pytest.raises(ConfigError, match=rf"a run of \w+ asks for .*{words}.* no node .*1 CPU, no GPU and"):
                run_study(config, tmp_path / "out", executor=fleet)
        with monkeypatch.context() as patch:
            patch.setattr(on_ray, "run_bytes", lambda *_, **__: 10**15)
            with pytest.raises(ConfigError, match=r"1000000\.0 GB of memory"):
                run_study(config, tmp_path / "out", executor=RayFleet(ray))
    assert not (tmp_path / "out").exists()


def test_a_node_without_the_files_is_named_and_nothing_is_written(ray, config, tmp_path, monkeypatch):
    real = on_node.Look
    with unchanged(tmp_path):
        for change, words in (
            ({"token": "/not/there"}, "does not see /not"),
            ({"files": ("/not/there",)}, "does not see /not/there"),
            ({"lock": str(tmp_path / "free")}, "does not see locks"),
        ):
            monkeypatch.setattr(on_node, "Look", lambda *asked, change=change: replace(real(*asked), **change))
            with pytest.raises(ConfigError, match=rf"the cluster's node [\d.]+ {words}.* is expected"):
                run_study(config, tmp_path / "out", executor=RayFleet(ray, cpus=1))
            (tmp_path / "free").unlink(missing_ok=True)
    assert not (tmp_path / "out").exists()
