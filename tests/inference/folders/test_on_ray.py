"""A folder labelled on a cluster: the rows and answers of one process, whoever is killed meanwhile."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lightune.cli.main import main
from lightune.clusters import Node
from lightune.errors import ConfigError, ModelError
from lightune.inference import FolderRequest, Workers, predict_folder, ray_engine
from lightune.inference.folders import on_ray
from tests.fixtures.two_nodes import TwoNodes, two_nodes
from tests.inference.folders.helpers import FILES, all_ids, content, ids, parts, request_for, success, write_folder

__all__ = ["two_nodes"]
pytestmark = pytest.mark.full

MANY = {f"a={at % 7}/f{at:03}.parquet": (20, 20) for at in range(200)}


@contextmanager
def beside(work: Callable[[], None]) -> Iterator[None]:
    """Do it in another thread, and raise what it raises."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if failed:
        raise failed[0]


def wait_for_parts(target: Path, number: int) -> None:
    until = time.monotonic() + 120
    while len(parts(target)) < number:
        if time.monotonic() > until:
            raise TimeoutError(f"{len(parts(target))} parts of {number}")
        time.sleep(0.01)


def kill(process: subprocess.Popen[bytes], target: Path, number: int) -> None:
    """The command by SIGKILL, once so many parts are there."""
    try:
        wait_for_parts(target, number)
    finally:
        process.kill()
        process.wait()


def test_killed_command_worker_and_node_cost_no_row(bag, tmp_path, two_nodes: TwoNodes, capsys):
    write_folder(tmp_path / "in", MANY)
    target = tmp_path / "out"
    words = ["predict", str(bag), "--input", str(tmp_path / "in"), "--output", str(target), "--engine", "ray"]
    words += ["--address", two_nodes.cluster.address]
    command = subprocess.Popen([sys.executable, "-m", "lightune", *words], stderr=subprocess.DEVNULL)
    kill(command, target, 20)
    assert command.returncode == -signal.SIGKILL
    assert two_nodes.none_left("RayWorker")
    before = {path: path.stat().st_mtime_ns for path in parts(target)}
    assert 20 <= len(before) < len(MANY)

    def kill_worker_and_node() -> None:
        wait_for_parts(target, len(before) + 20)
        two_nodes.kill_worker("RayWorker")
        wait_for_parts(target, len(before) + 60)
        two_nodes.kill_node()

    capsys.readouterr()
    with beside(kill_worker_and_node):
        code = main([*words, "--resume"])
    two_nodes.add_node()
    said = capsys.readouterr()
    assert (code, said.err) == (0, "")
    assert said.out == f"4,000 rows labelled ({20 * len(before):,} of them before), 200 files: {target}\n"
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    assert ids(target) == all_ids(MANY)
    assert success(target)["rows_out"] == 4000
    assert not list(target.rglob(".*"))


def test_answers_are_those_of_one_process(lora, bag, tmp_path, two_nodes):
    request = request_for(tmp_path, lora)
    arms = {"lora_": lora, "tfidf_": bag}
    here = FolderRequest(arms, request.source, str(tmp_path / "here"), unit=request.unit, cut=request.cut)
    predict_folder(here)
    there = FolderRequest(arms, request.source, request.target, unit=request.unit, cut=request.cut)
    told: list[tuple[int, dict[str, object]]] = []
    with ray_engine(arms, workers=Workers(2)) as engine:
        predict_folder(there, lambda phase, done, _, facts: told.append((done, facts)), engine)
    assert told[-1][0] == sum(rows for rows, _ in FILES.values())
    assert sorted(content(tmp_path / "here")) == sorted(content(tmp_path / "out"))
    for one, other in zip(parts(tmp_path / "here"), parts(tmp_path / "out"), strict=True):
        left, right = pq.read_table(one), pq.read_table(other)
        assert left.schema.equals(right.schema, check_metadata=True)
        for name in left.schema.names:
            pairs = list(zip(left.column(name).to_pylist(), right.column(name).to_pylist(), strict=True))
            if "p_" in name or "score" in name:
                assert all(math.isclose(a, b, abs_tol=1e-5) for a, b in pairs)
            else:
                assert all(a == b for a, b in pairs)


def test_what_a_worker_refuses_is_a_sentence_and_nothing_is_left(bag, tmp_path, two_nodes, monkeypatch):
    request = request_for(tmp_path, bag)
    with ray_engine(request.arms, workers=Workers(1)) as engine:

        def broken(job, units, on_unit):
            (request.arms[""] / "terms.json").rename(tmp_path / "terms.json")
            try:
                engine(job, units, on_unit)
            finally:
                (tmp_path / "terms.json").rename(request.arms[""] / "terms.json")

        with pytest.raises((ConfigError, ModelError), match=r"A worker is not as the command's own machine.*saved"):
            predict_folder(request, engine=broken)
    assert not (tmp_path / "out").exists()


def test_a_worker_s_share_is_what_was_asked_for_and_what_the_model_takes(bag, lora, two_nodes, monkeypatch):
    """Without GPUs none is asked for; weights of the base count twice, since they are laid out anew."""
    shares = []
    monkeypatch.setattr(on_ray, "room_for", lambda ray, needs, asked: shares.append((needs, asked)) or 1)
    with ray_engine({"": bag}), ray_engine({"": lora}, workers=Workers(3, 2, 0.5)):
        pass
    (first, none), (second, three) = shares
    assert (first.cpus, first.gpus, none, second.cpus, second.gpus, three) == (1, 0.0, None, 2, 0.5, 3)
    assert second.memory > first.memory >= on_ray.LIBRARIES_BYTES
    monkeypatch.setattr(on_ray, "nodes", lambda ray: (Node("a", "a", 1, 2, 10**9),))
    with ray_engine({"": bag}), ray_engine({"": lora}):
        pass
    assert [share.gpus for share, _ in shares[2:]] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((0,), "--workers 0"),
        ((None, 0), "--cpus-per-worker 0"),
        ((None, None, 1.5), "1.5: a whole number"),
        ((None, None, -1), "-1"),
        ((None, None, math.nan), "--gpus-per-worker nan: a whole number"),
        ((None, None, math.inf), "--gpus-per-worker inf: a whole number"),
    ],
)
def test_workers_of_nothing_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        Workers(*options)
