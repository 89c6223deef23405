"""The units of a folder's prediction on a Ray cluster: an actor a worker, each with the classifiers in memory."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from lightune.artifacts import MAJORITY, MANIFEST, ONNX, TFIDF, find_base_unread, read_manifest
from lightune.clusters import Needs, Pool, connected, nodes, room_for
from lightune.compute import Choices, choosing, onednn_pays
from lightune.errors import ConfigError, LightuneError
from lightune.inference.folders.labelling import Job, Labeller, check_like
from lightune.inference.folders.plan import Unit
from lightune.inference.folders.predict import Engine, OnUnit
from lightune.models import weight_bytes

# torch and transformers in memory, and a part's rows.
LIBRARIES_BYTES = 1_000_000_000
# Weights, and the same laid out for faster products.
COPIES = 2
_WITHOUT_GPU = (TFIDF, MAJORITY, ONNX)


@dataclass(frozen=True)
class Workers:
    """What a worker is to have; None: as many workers as have room, a CPU each, and a GPU each where the cluster has
    GPUs and an artefact computes on one. Raises ConfigError."""

    number: int | None = None
    cpus: int | None = None
    gpus: float | None = None

    def __post_init__(self) -> None:
        for option, value, least in (("--workers", self.number, 1), ("--cpus-per-worker", self.cpus, 1)):
            if value is not None and value < least:
                raise ConfigError(f"{option} {value}: a number from {least} on is expected.")
        if self.gpus is not None and not _is_share(self.gpus):
            raise ConfigError(f"--gpus-per-worker {self.gpus:g}: a whole number is expected, or a share below 1.")


@contextmanager
def ray_engine(
    arms: Mapping[str, Path], address: str | None = None, workers: Workers | None = None
) -> Iterator[Engine]:
    """What labels units on the cluster at `address`, as `connected` has it, for as long as this is open.

    Raises ConfigError: what `connected` raises, and where the cluster has no room for the workers; ModelError.
    """
    asked = workers or Workers()
    with connected(address) as ray:
        gpus = asked.gpus
        if gpus is None:
            there = any(node.gpus for node in nodes(ray))
            gpus = float(there and any(map(_computes_on_gpu, arms.values())))
        needs = Needs(asked.cpus or 1, gpus, sum(map(_memory, arms.values())) + LIBRARIES_BYTES)
        yield _OnRay(ray, needs, room_for(ray, needs, asked.number)).label


@dataclass(frozen=True)
class _OnRay:
    ray: ModuleType
    needs: Needs
    size: int

    def label(self, job: Job, units: Sequence[Unit], on_unit: OnUnit) -> None:
        arguments = (job, int(self.needs.cpus), self.needs.gpus, socket.gethostname())
        pool: Pool[Unit] = Pool(self.ray, RayWorker, arguments, self.needs, self.size)
        pool.work(
            units,
            lambda unit: on_unit(unit, unit.rows, kept=True),
            lambda unit, rows: on_unit(unit, rows, kept=False),
            lambda unit: unit.words,
        )


class RayWorker:
    """A worker, in a process of its own. host: where the command runs."""

    def __init__(self, job: Job, cpus: int, gpus: float, host: str) -> None:
        if not gpus:  # else torch would take one that was given to nobody
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        self._job, self._cpus = job, cpus
        here = socket.gethostname()
        self._where = f"The node {here}" if here != host else "A worker"
        self._rows = 0

    def load(self) -> None:
        """Load the classifiers. Raises InputError where this node is not as the command's machine."""
        check_like(self._job, self._where)
        self._choices = Choices(self._cpus, onednn_pays())
        try:
            with choosing(self._choices):
                self._labeller = Labeller(self._job)
        except LightuneError as error:
            if self._where == "A worker":
                raise
            raise type(error)(f"{self._where}: {error}") from error

    def label(self, unit: Unit) -> int:
        """Label a unit; returns its rows."""
        try:
            with choosing(self._choices):
                return self._labeller.label(unit, self._hear)
        finally:
            self._rows = 0

    def progress(self) -> int:
        """How many rows of the unit at hand are answered."""
        return self._rows

    def _hear(self, rows: int) -> None:
        self._rows = rows


def _is_share(gpus: float) -> bool:
    """Whether a worker can have so many: whole ones, or a share of one."""
    return math.isfinite(gpus) and (gpus == int(gpus) >= 0 or 0 < gpus < 1)


def _computes_on_gpu(folder: Path) -> bool:
    return not (folder / MANIFEST).exists() or read_manifest(folder).kind not in _WITHOUT_GPU


def _memory(folder: Path) -> int:
    """Bytes that the weights of an artefact take: those of its base, else those in its folder."""
    manifest = read_manifest(folder) if (folder / MANIFEST).exists() else None
    if manifest is not None and manifest.base is not None:
        return COPIES * weight_bytes(find_base_unread(folder, manifest).config, len(manifest.label_names))
    return COPIES * sum(path.stat().st_size for path in folder.glob("*.safetensors"))
