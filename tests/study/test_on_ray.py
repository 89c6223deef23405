"""A study's runs as tasks of a Ray cluster of two nodes: done as they are here, whatever of it dies."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lightune.clusters import connected
from lightune.config import TrainingConfig
from lightune.errors import ConfigError
from lightune.study import Event, RayFleet, in_process, on_node, on_ray, run_study
from tests.fixtures.cluster import SmallCluster, small_cluster
from tests.study.shared import quick_config, unchanged, write_reviews

pytest.importorskip("ray")
pytestmark = pytest.mark.full
# Long enough for something to happen in it, with a checkpoint every 20 steps.
LONG = TrainingConfig(max_steps=400, evaluations=20, patience=0)


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


def test_runs_are_done_on_both_nodes_as_they_are_here(ray, config, tmp_path):
    config = replace(config, seeds=2)
    events: list[Event] = []
    there = run_study(config, tmp_path / "there", events.append, RayFleet(ray, cpus=1))
    here = run_study(config, tmp_path / "here", executor=in_process)
    assert [(arm.name, arm.status, len(arm.seeds)) for arm in there.arms] == [
        ("majority", "done", 1),
        ("lora", "done", 2),
    ]
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
