"""Trainings shared by processes: `shared` starts some, `python -m tests.training.sharing` is one of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch.distributed import TCPStore
from torch.distributed.tensor import DTensor

from lightune.errors import LightuneError
from lightune.ranks import SOLO, Group, Ranks, joined
from lightune.training import load_trained
from lightune.training.stopping import Stopped
from tests.training.adapted import AdaptedTraining
from tests.training.tiny import Training

# What a process waits for another here, where one is lost on purpose.
WAIT_SECONDS = "60"


class Halted(Exception):
    """What ends a training in all processes at once, without a word."""


@dataclass(frozen=True)
class Job:
    """One training. name: of its results. method: of the catalogue; None: LoRA on the tiny base. options: of its
    recipe. folder: of its checkpoints. validation: rows to look at. event: what happens in the process of a rank at the
    end of a step: a signal, or `halt`."""

    name: str
    base: str
    folder: str
    method: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    validation: int = 24
    event: tuple[int, int, str] | None = None

    def training(self) -> Any:
        if self.method is not None:
            return AdaptedTraining(Path(self.base), self.method, **self.options)
        training = Training(Path(self.base))
        training.validation = training.rows(self.validation, 1)
        return training

    def fit(self, group: Group = SOLO) -> tuple[Any, list[Any]]:
        """Train; returns the training and what its record would hold of its steps and looks."""
        training = self.training()

        def progress(phase: str, done: int, total: int, facts: Mapping[str, Any]) -> None:
            if self.event is not None and not facts and (group.rank, done) == self.event[:2]:
                happen(self.event[2])
            if self.event is not None and not facts and self.event[2] == "halt" and done == self.event[1]:
                raise Halted

        given = {"progress": progress, "group": group}
        recipe = () if self.method is not None else (training.recipe(**self.options),)
        trained = training.fit(*recipe, Path(self.folder), **given)
        training.best = trained.best
        return training, [asdict(point) for point in trained.facts.history]


def happen(what: str) -> None:
    if what != "halt":
        os.kill(os.getpid(), getattr(signal, what))


@dataclass(frozen=True)
class Shared:
    """What came of jobs. folder: of the results. codes: what the processes left with, by rank."""

    folder: Path
    codes: tuple[int, ...]

    def weights(self, name: str) -> dict[str, torch.Tensor]:
        return load_file(self.folder / f"{name}.safetensors")

    def said(self, name: str, rank: int = 0) -> Any:
        return json.loads((self.folder / f"{name}-{rank}.json").read_text())


def shared(folder: Path, jobs: Sequence[Job], size: int = 2, sharding: Mapping[str, str] | None = None) -> Shared:
    """Do the jobs by `size` processes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "jobs.json").write_text(json.dumps([asdict(job) for job in jobs]))
    store = TCPStore("127.0.0.1", 0, None, True, timedelta(seconds=60), wait_for_workers=False)
    processes = []
    logs = [(folder / f"log-{rank}").open("wb") for rank in range(size)]
    for rank in range(size):
        ranks = Ranks(rank, size, rank, size, "127.0.0.1", store.port, sharding or {})
        own = {**ranks.environment(0), "LIGHTUNE_WAIT_SECONDS": WAIT_SECONDS, "GLOO_SOCKET_IFNAME": "lo"}
        command = [sys.executable, "-m", "tests.training.sharing", str(folder)]
        environment = {**os.environ, **own, "OMP_NUM_THREADS": "1"}
        processes.append(subprocess.Popen(command, env=environment, stdout=logs[rank], stderr=subprocess.STDOUT))
    try:
        codes = tuple(process.wait(300) for process in processes)
    finally:
        for process, log in zip(processes, logs, strict=True):
            process.kill()
            process.wait()
            log.close()
    return Shared(folder, codes)


def spread_on_cpus(marks: Path | None = None) -> None:
    """Let accelerate spread a model over processes without GPUs: it leaves it out there, though torch can do it. marks:
    a folder that gets a file named by each process that does."""
    from accelerate import state
    from accelerate.utils import DistributedType

    stock = state.AcceleratorState.__init__

    def begin(self: Any, *args: Any, fsdp_plugin: Any = None, **kwargs: Any) -> None:
        stock(self, *args, fsdp_plugin=fsdp_plugin, **kwargs)
        if fsdp_plugin is not None:
            self.distributed_type, self.fsdp_plugin = DistributedType.FSDP, fsdp_plugin
            if marks is not None:
                (marks / str(os.getpid())).touch()

    state.AcceleratorState.__init__ = begin


def main(folder: Path) -> None:
    if "ACCELERATE_USE_FSDP" in os.environ:
        spread_on_cpus()
    jobs = [Job(**values) for values in json.loads((folder / "jobs.json").read_text())]
    heard: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    with joined() as group:
        for job in jobs:
            event = None if job.event is None else tuple(job.event)
            said: dict[str, Any] = {}
            try:
                training, history = replace(job, event=event).fit(group)
            except (Halted, Stopped, LightuneError) as error:
                said = {"ended": type(error).__name__, "heard": heard}
            else:
                said = {"history": history}
                if group.sharded and group.first:
                    said["spread"] = any(isinstance(one, DTensor) for one in training.model.parameters())
                    best, training = training.best, job.training()  # as an arm makes it anew
                    load_trained(training.model, best)
                if group.first:
                    save_file(training.weights(), folder / f"{job.name}.safetensors")
            (folder / f"{job.name}-{group.rank}.json").write_text(json.dumps(said))
            if said.get("ended") == "Lost":
                os._exit(0)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
