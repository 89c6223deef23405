"""What can be asked of a cluster, and what is refused."""

from __future__ import annotations

import re

import pytest

from lightune.errors import ConfigError
from tests.manifests.orders import IMAGE, order


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scheduler": "pbs"}, "--for: one of slurm, kubernetes is expected, got 'pbs'."),
        ({"executor": "dask"}, "--executor: one of local, ray is expected, got 'dask'."),
        ({"nodes": 0}, "--nodes: 1 to 10,000 is expected, got 0."),
        ({"gpus_per_node": -1}, "--gpus-per-node: 0 to 1,000 is expected, got -1."),
        ({"cpus_per_node": 0}, "--cpus-per-node: 1 to 10,000 is expected, got 0."),
        ({"time": "90"}, "--time: D-HH:MM:SS or HH:MM:SS is expected, and more than nothing, got '90'."),
        ({"time": "00:00:00"}, "more than nothing"),
        ({"time": "01:00:00\n#SBATCH --wrap=id"}, "--time: "),
        ({"memory_per_node": "64 GB"}, "--memory-per-node: as 64G or 500M is expected, got '64 GB'."),
        ({"memory_per_node": "64G\n"}, "--memory-per-node"),
        ({"scheduler": "kubernetes", "image": None}, "--image: Kubernetes runs images"),
        ({"scheduler": "kubernetes", "image": "a b"}, "--image: REGISTRY/NAME:TAG is expected, got 'a b'."),
        ({"scheduler": "kubernetes", "image": 'a"\nkind: Pod'}, "--image: "),
        ({"image": IMAGE}, "--image: it is for Kubernetes"),
        ({"fsdp": True}, "--fsdp: it shares out one run's model"),
        ({"fsdp": True, "nodes": 2, "executor": "ray"}, "--fsdp: "),
        ({"fsdp": True, "nodes": 2, "gpus_per_node": 0}, "--fsdp: "),
        ({"out": ""}, "--out: "),
        ({"out": "a\udcff"}, "--out: a folder whose name is valid UTF-8 is expected."),
        ({"config_path": "a\udcff"}, "STUDY: a path that is valid UTF-8 is expected."),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(changes, said):
    given = {"scheduler": "slurm", "executor": "local", **changes}
    with pytest.raises(ConfigError, match=re.escape(said)):
        order(given.pop("scheduler"), given.pop("executor"), **given)


def test_all_faults_are_told_at_once():
    with pytest.raises(ConfigError, match=r"--nodes: .*--time: "):
        order(nodes=0, time="soon")


@pytest.mark.parametrize(
    ("out", "name"),
    [
        ("runs/IMDb, 2nd try/", "lightune-imdb-2nd-try"),
        ("漢字", "lightune-study"),
        ("runs/" + "a-" * 40, "lightune-" + "a-" * 14 + "a"),
        (".", "lightune-study"),
    ],
)
def test_its_name_is_one_that_every_scheduler_takes(out, name):
    assert order(out=out).name == name
    # KubeRay adds to it, and takes 47 characters at most.
    assert re.fullmatch("[a-z]([a-z0-9-]*[a-z0-9])?", name)
    assert len(name) <= 38


@pytest.mark.parametrize(
    ("time", "seconds"), [(None, None), ("00:00:01", 1), ("12:30:00", 45_000), ("2-01:00:00", 176_400)]
)
def test_a_time_limit_in_seconds(time, seconds):
    assert order(time=time).seconds == seconds


def test_cpus_and_threads_follow_from_the_gpus():
    for asked, cpus, threads in (
        (order(gpus_per_node=0), 8, 8),
        (order(gpus_per_node=4), 32, 8),
        (order(gpus_per_node=4, cpus_per_node=2), 2, 1),
        (order(gpus_per_node=4, cpus_per_node=30), 30, 7),
    ):
        assert (asked.cpus, asked.threads) == (cpus, threads)
