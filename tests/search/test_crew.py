"""Several workers: none sees a test row, none does another's work, and the death of one costs its trial a try."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from lightune.clusters import Needs
from lightune.config import DataConfig
from lightune.errors import ConfigError, RunError
from lightune.models import find_model, weights_digest
from lightune.progress import silent
from lightune.records import to_json
from lightune.search import Place, Settings, find_settings, on_ray, running, spec
from lightune.search import search as searching
from lightune.search.crew import OnThisMachine, worker_environment
from lightune.search.on_ray import OnRay, share_of
from lightune.search.spec import Facts, TrialsSpec
from lightune.study.on_node import Surroundings
from tests.search.poisoned import PoisonedRemote
from tests.search.test_search import RATES, asked, by_optuna
from tests.study.shared import write_reviews

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_reviews(tmp_path / "data", 80, 30)


@pytest.fixture
def without_data(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the rows are read the data set is gone, and with it every test row: workers can't look at one."""
    stock = searching.load_splits

    def load(config: DataConfig) -> Any:
        splits = stock(config)
        shutil.rmtree(data)
        return splits

    monkeypatch.setattr(searching, "load_splits", load)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT / "src"), str(ROOT))))


def check_each_work_was_done_once(found: Settings, out: Path) -> None:
    trials = found.searched.trials
    assert trials[0].tries == 1
    assert len(trials[0].scores) > 1
    done = [json.loads(line) for line in (out / "search" / "done.jsonl").read_text().splitlines()]
    works = Counter((number, rung) for number, rung, _ in done)
    assert set(works.values()) == {1}
    assert set(works) == {(trial.number, rung) for trial in trials for rung in range(len(trial.scores))}
    assert len({pid for *_, pid in done}) > 1
    assert {trial.state.name for trial in by_optuna(out).trials} <= {"COMPLETE", "PRUNED", "FAIL"}
    assert not (out / "search" / "handed").exists()
    assert not list(out.rglob("test*"))


@pytest.mark.full
@pytest.mark.usefixtures("without_data")
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
def test_processes_share_the_trials_and_outlive_the_death_of_some(
    tiny_gpt2: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OnThisMachine, "program", "tests.search.poisoned")
    monkeypatch.setattr(running, "MOST_TRIES", 2)
    out = tmp_path / "out"
    found = find_settings(asked(tiny_gpt2, data), out, 4, RATES, place=Place(workers=2))
    poisoned = found.searched.trials[1]
    assert (poisoned.state, poisoned.tries) == ("failed", 2)
    assert poisoned.reason == "2 processes died at it: its process was ended by signal 9."
    assert found.winner.number != 1
    check_each_work_was_done_once(found, out)
    assert not list(_below(os.getpid()))


@pytest.fixture(scope="module")
def ray() -> Iterator[ModuleType]:
    """A cluster on this machine."""
    ray = pytest.importorskip("ray")
    before = {name: os.environ.get(name) for name in ("RAY_USAGE_STATS_ENABLED", "PYTHONPATH")}
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
    try:
        ray.init(
            address="local",
            num_cpus=2,
            num_gpus=0,
            include_dashboard=False,
            object_store_memory=100_000_000,
            log_to_driver=False,
            configure_logging=False,
        )
        yield ray
    finally:
        ray.shutdown()
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


@pytest.mark.full
@pytest.mark.usefixtures("without_data")
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
def test_actors_share_the_trials_and_outlive_the_death_of_some(
    ray: ModuleType, tiny_gpt2: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OnRay, "remote", PoisonedRemote)
    out = tmp_path / "out"
    found = find_settings(asked(tiny_gpt2, data), out, 4, RATES, place=Place(workers=2, executor="ray"))
    check_each_work_was_done_once(found, out)


@pytest.mark.full
def test_what_a_cluster_has_no_room_for_is_refused_and_nothing_written(
    ray: ModuleType, tiny_gpt2: Path, data: Path, tmp_path: Path
) -> None:
    place = Place(workers=3, executor="ray")
    with pytest.raises(ConfigError, match="--workers 3: each takes a CPU, and the cluster has 2"):
        find_settings(asked(tiny_gpt2, data), tmp_path / "out", 5, RATES, place=place)
    assert not (tmp_path / "out").exists()


class Nodes:
    """A cluster, as far as it is asked for its nodes."""

    def __init__(self, *resources: dict[str, float]) -> None:
        self._nodes = [(True, one) for one in resources] + [(False, {"CPU": 99.0})]

    def nodes(self) -> list[dict[str, Any]]:
        named = {"NodeID": "id", "NodeManagerAddress": "10.0.0.1"}
        return [{**named, "Alive": alive, "Resources": {"memory": 1e9, **has}} for alive, has in self._nodes]


@pytest.mark.parametrize(
    ("nodes", "workers", "cpus", "gpus"),
    [
        (Nodes({"CPU": 8.0}), 2, 4, 0.0),
        (Nodes({"CPU": 3.0}, {"CPU": 3.0}), 3, 1, 0.0),  # two CPUs each would leave the third without a place
        (Nodes({"CPU": 8.0, "GPU": 2.0}), 2, 4, 1.0),
        (Nodes({"CPU": 8.0, "GPU": 1.0}), 4, 2, 0.25),
        (Nodes({"CPU": 8.0, "GPU": 8.0}), 2, 4, 1.0),
        # A head without GPUs has no place for a worker that takes one.
        (Nodes({"CPU": 16.0}, {"CPU": 8.0, "GPU": 1.0}), 1, 8, 1.0),
        (Nodes({"CPU": 32.0}, {"CPU": 8.0, "GPU": 4.0}), 4, 2, 1.0),
        # The first node has a CPU for one worker only, whatever its GPU could take.
        (Nodes({"CPU": 1.0, "GPU": 1.0}, {"CPU": 9.0, "GPU": 1.0}), 10, 1, 0.1111),
        (Nodes({"CPU": 8.0, "GPU": 1.0}), 7, 1, 0.1428),
    ],
)
def test_a_cluster_is_shared_out(nodes: Any, workers: int, cpus: int, gpus: float) -> None:
    share = share_of(nodes, workers)
    assert (share.cpus, share.gpus) == (cpus, gpus)


def test_cpus_that_no_gpu_is_beside_are_no_places() -> None:
    with pytest.raises(ConfigError, match="--workers 3: each takes a CPU on a node with a GPU, and the cluster has 2"):
        share_of(Nodes({"CPU": 16.0}, {"CPU": 2.0, "GPU": 4.0}), 3)
    with pytest.raises(ConfigError, match="--workers 1: each takes a CPU, and the cluster has 0"):
        share_of(Nodes(), 1)


class Shrinks(Nodes):
    """A cluster that never gives a place to an actor."""

    exceptions = SimpleNamespace(RayError=RuntimeError)

    def remote(self, **options: Any) -> Any:
        made = SimpleNamespace(begin=SimpleNamespace(remote=object))
        return lambda _: SimpleNamespace(remote=lambda *_: made)

    def wait(self, promises: list[Any], num_returns: int, timeout: float) -> tuple[list[Any], list[Any]]:
        return [], promises

    def shrink(self) -> None:
        self._nodes = [(True, {"CPU": 1.0})]


def test_a_search_whose_workers_have_no_place_any_more_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seconds = iter(range(0, 10_000, 10))
    monkeypatch.setattr(on_ray, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    cluster: Any = Shrinks({"CPU": 4.0})
    crew = OnRay(cluster, tmp_path, 2)
    crew._check_place()
    cluster.shrink()
    said = r"each takes 2 CPUs and no GPU, and .* 60 s \(nodes that are left: 10.0.0.1 \(1 CPU, no GPU and 1.0 GB"
    with pytest.raises(RunError, match=said):
        crew.ended()
    assert next(seconds) == 80  # not at once


def test_an_actor_works_where_the_command_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", "before")
    seen: dict[str, Any] = {}

    def take(folder: Path, progress: Any) -> Any:
        seen.update(os.environ, folder=Path.cwd())
        return SimpleNamespace(facts=Facts(0.1, (1,), "loss"))

    monkeypatch.setattr(on_ray, "taken_over", take)
    actor = on_ray.RemoteTrainings(str(tmp_path), Surroundings(str(tmp_path), {"HF_HOME": "there"}), Needs(2, 0, 0))
    try:
        assert set(actor.begin()) == {"facts"}
    finally:
        actor._open.close()
    assert (seen["HF_HOME"], seen["OMP_NUM_THREADS"], seen["folder"]) == ("there", "2", tmp_path)
    assert os.environ["HF_HOME"] == "before"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "0.0.0"}, "lightune 0.0.0 is expected, as the search has it"),
        ({"digest": "another"}, "the weights that the search has are expected, and these are others"),
    ],
)
def test_a_worker_with_another_lightune_or_other_weights_is_refused(
    tiny_gpt2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], said: str
) -> None:
    config = asked(tiny_gpt2, tmp_path)
    digest = weights_digest(find_model(str(tiny_gpt2)))
    handed = TrialsSpec(config, ("a", "b"), None, "", 1, str(tmp_path), str(tmp_path), True, digest)
    monkeypatch.setattr(spec, "load_rows", lambda path: path)
    monkeypatch.setattr(spec, "made", lambda *told: told)
    (tmp_path / spec.SPEC).write_text(json.dumps(to_json(handed)))
    assert spec.taken_over(tmp_path, silent)[0] == handed
    (tmp_path / spec.SPEC).write_text(json.dumps(to_json(replace(handed, **change))))
    with pytest.raises(ConfigError, match=said):
        spec.taken_over(tmp_path, silent)
    actor = on_ray.RemoteTrainings(str(tmp_path), Surroundings(), Needs(1, 0, 0))
    try:
        assert said in actor.begin()[on_ray.REFUSED]
    finally:
        actor._open.close()


@pytest.mark.full
@pytest.mark.parametrize(
    ("place", "said"),
    [
        (Place(executor="slurm"), "--executor: local or ray is expected, got 'slurm'"),
        (Place(address="127.0.0.1:1"), "--address 127.0.0.1:1: it is a Ray cluster's; give --executor ray too"),
        (Place(executor="ray", address="127.0.0.1:1"), "--address 127.0.0.1:1: no cluster can be reached there"),
    ],
)
def test_where_nobody_can_train_it_is_said(
    tiny_gpt2: Path, data: Path, tmp_path: Path, place: Place, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with pytest.raises(ConfigError, match=said):
        find_settings(asked(tiny_gpt2, data), tmp_path / "out", 2, RATES, place=place)
    assert not (tmp_path / "out").exists()


def test_workers_share_cores_and_take_gpus_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    own = [worker_environment(place, 3) for place in range(3)]
    assert [one["OMP_NUM_THREADS"] for one in own] == ["2", "2", "2"]
    assert [one["CUDA_VISIBLE_DEVICES"] for one in own] == ["3", "5", "3"]
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert worker_environment(0, 3)["OMP_NUM_THREADS"] == "7"


def _below(pid: int) -> Iterator[int]:
    """The worker processes that a process has started, and not waited for."""
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            words = Path(f"/proc/{child}/cmdline")
            if words.exists() and b"search" in words.read_bytes():
                yield int(child)


def _gone(pids: list[int]) -> bool:
    """Whether these processes end, soon."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
def test_a_command_that_is_ended_takes_its_workers_with_it_and_goes_on(
    tiny_gpt2: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    config = asked(tiny_gpt2, data, evaluations=8)
    words = f"search --model {tiny_gpt2} --data {data} --out {out} --trials 4 --top-blocks 1 --workers 2 --json"
    more = "--max-steps 18 --validation-size 24 --behaviour none --search learning-rate=1e-6,1e-2,3 --search rank=8"
    command = [sys.executable, "-m", "lightune", *words.split(), *more.split(), "--search", "head-rate=1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as run:
        assert run.stdout is not None
        first = json.loads(run.stdout.readline())
        workers = list(_below(run.pid))
        run.terminate()
        _, said = run.communicate(timeout=60)
    assert first["event"] == "trial"
    assert len(workers) == 2
    assert run.returncode == 143
    assert _gone(workers)
    left = by_optuna(out).trials
    states = {trial.state.name for trial in left}
    assert "lightune: Terminated. Kept in" in said
    assert "RUNNING" not in states
    assert not (out / "search" / "handed").exists()  # there texts stood
    # The same search in one process goes on with what is there.
    found = find_settings(config, out, 4, dimensions())
    again = by_optuna(out).trials
    assert [trial.params for trial in again[: len(left)]] == [trial.params for trial in left]
    assert {trial.state.name for trial in again} <= {"COMPLETE", "PRUNED", "FAIL"}
    assert len(found.searched.trials) == 4
    kept = {trial.number: trial.intermediate_values for trial in left}
    assert all(looks.items() <= again[at].intermediate_values.items() for at, looks in kept.items())


def dimensions() -> tuple[Any, ...]:
    from lightune.search.asked import dimensions

    return dimensions(["learning-rate=1e-6,1e-2,3", "rank=8", "head-rate=1"])
