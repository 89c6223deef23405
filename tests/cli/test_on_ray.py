"""`lightune study --executor ray`: what is refused, and a command that is interrupted, killed, and goes on."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.fixtures.cluster import SmallCluster, small_cluster
from tests.study.shared import write_reviews

# At most so long may what has to come be waited for, before it is said to be absent.
PATIENCE = 300.0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--executor slurm", "--executor: local or ray is expected, got 'slurm'."),
        ("--address 10.0.0.1:6379", "--address: it is for runs on a cluster; add --executor ray"),
        ("--cpus-per-run 2", "--cpus-per-run: it is for runs on a cluster"),
        ("--gpus-per-run 1", "--gpus-per-run: it is for runs on a cluster"),
        ("--executor ray --plan", "--plan, --estimate: they are of this machine alone"),
        ("--executor ray --address head", "--address head: HOST:PORT"),
    ],
)
def test_what_does_not_go_together_is_refused(command: Callable, tmp_path: Path, words: str, said: str) -> None:
    pytest.importorskip("ray")
    told = command(f"study --out {tmp_path / 'out'} --arms majority {words}")
    assert told.code == 2
    assert said in told.err
    assert not (tmp_path / "out").exists()


@pytest.mark.full
def test_an_address_where_nobody_answers_is_refused(command: Callable, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    with socket.socket() as ours:
        ours.bind(("127.0.0.1", 0))
        port = ours.getsockname()[1]
    told = command(f"study --out {tmp_path / 'out'} --arms majority --executor ray --address 127.0.0.1:{port}")
    assert told.code == 2
    assert "no cluster can be reached there" in told.err
    assert not (tmp_path / "out").exists()


@pytest.fixture
def cluster() -> Iterator[SmallCluster]:
    pytest.importorskip("ray")
    with small_cluster(2) as made:
        yield made


@pytest.fixture
def begun(cluster: SmallCluster, tiny_gpt2: Path, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Begin the command, the same each time; what is left of it is ended afterwards."""
    data = write_reviews(tmp_path / "reviews", 30, 10)
    words = ["study", "--model", tiny_gpt2, "--data", data, "--arms", "majority,lora", "--out", tmp_path / "out"]
    words += ["--max-steps", 120, "--evaluations", 6, "--patience", 0, "--behaviour", "none", "--json"]
    words += ["--executor", "ray", "--address", cluster.address, "--cpus-per-run", 1]
    made: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        asked = [sys.executable, "-m", "lightune", *map(str, words)]
        made.append(subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return made[-1]

    yield begin
    for one in made:
        one.kill()
        one.communicate()


def wait_for(found: Callable[[], object]) -> None:
    """Wait until `found` is so."""
    until = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < until
        time.sleep(0.02)


def last_step(out: Path) -> int:
    """Of the newest checkpoint; 0 where there is none."""
    found = [int(path.name.partition("-")[2]) for path in out.glob("runs/lora-*/checkpoints/checkpoint-*")]
    return max(found, default=0)


def workers(out: Path) -> list[int]:
    """The processes that do a run of the study in `out`."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "lightune.worker" in words and words[-1].startswith(str(out)):
            found.append(process.pid)
    return found


@pytest.mark.full
def test_a_command_that_is_interrupted_and_then_killed_goes_on_each_time(begun: Callable, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = begun()
    wait_for(lambda: last_step(out) >= 20 or first.poll() is not None)
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=PATIENCE)
    assert first.returncode == 130, said
    assert "The same command goes on" in said
    wait_for(lambda: not workers(out))
    at = last_step(out)
    second = begun()
    wait_for(lambda: last_step(out) > at or second.poll() is not None)
    assert workers(out)
    os.kill(second.pid, signal.SIGKILL)
    second.communicate()
    wait_for(lambda: not workers(out))
    done = {path.parent.name.partition("-")[0] for path in out.glob("runs/*/record.json")}
    third = begun()
    told, said = third.communicate(timeout=PATIENCE)
    assert third.returncode == 0, said
    events = [json.loads(line) for line in told.splitlines()]
    assert {event["run"]["arm"] for event in events if event["event"] == "kept"} == done
    steps = [event["done"] for event in events if event["event"] == "progress" and event["phase"] == "train"]
    assert steps[0] > at
    assert events[-1]["event"] == "result"
    assert not workers(out)
