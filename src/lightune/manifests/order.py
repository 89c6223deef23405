"""What is asked of a cluster for a study: checked as a whole, before anything is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from lightune.config import EMBEDDED, NONE, StudyConfig
from lightune.errors import ConfigError

SLURM, KUBERNETES = "slurm", "kubernetes"
SCHEDULERS = (SLURM, KUBERNETES)
LOCAL, RAY = "local", "ray"
EXECUTORS = (LOCAL, RAY)
CPUS_A_DEVICE = 8

_TIME = re.compile(r"(?:(\d{1,3})-)?(\d{1,2}):([0-5]\d):([0-5]\d)")
_MEMORY = re.compile(r"[1-9]\d{0,5}[GM]")
# What a registry takes: no space, no sign that YAML or a shell would read.
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,511}")


@dataclass(frozen=True)
class Order:
    """A study and the machines that it is to run on.

    config: the study, and config_path the file it was read from, as it is called on the cluster. out: the study's
    folder there. executor: `local` (each run takes all devices of all nodes) or `ray` (each run is a task). Each of
    `nodes` nodes has gpus_per_node GPUs, cpus_per_node CPUs (None: 8 a GPU, or 8) and memory_per_node (`64G`; None:
    what the cluster gives). time: `D-HH:MM:SS` or `HH:MM:SS`. image: of the containers, Kubernetes alone. fsdp: the
    model's weights are shared out among the devices. Raises ConfigError.
    """

    config: StudyConfig
    config_path: str
    out: str
    scheduler: str
    executor: str = LOCAL
    nodes: int = 1
    gpus_per_node: int = 1
    cpus_per_node: int | None = None
    memory_per_node: str | None = None
    time: str | None = None
    image: str | None = None
    fsdp: bool = False

    def __post_init__(self) -> None:
        faults = [sentence for holds, sentence in self._checks() if not holds]
        if faults:
            raise ConfigError(" ".join(faults))

    @property
    def cpus(self) -> int:
        """CPUs of a node."""
        return self.cpus_per_node or CPUS_A_DEVICE * self.processes_per_node

    @property
    def processes_per_node(self) -> int:
        """A process for each GPU, or one for the node's CPUs."""
        return max(1, self.gpus_per_node)

    @property
    def alone(self) -> bool:
        """Whether one process does all of it, so that nothing has to put several together."""
        return self.nodes * self.processes_per_node == 1

    @property
    def threads(self) -> int:
        """Of each process."""
        return max(1, self.cpus // self.processes_per_node)

    @property
    def seconds(self) -> int | None:
        """The time limit."""
        found = _TIME.fullmatch(self.time or "")
        if found is None:
            return None
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return ((24 * days + hours) * 60 + minutes) * 60 + seconds

    @property
    def name(self) -> str:
        """What schedulers call it: the folder's name as small letters, digits and hyphens, 38 characters at most."""
        slug = re.sub(r"[^a-z0-9]+", "-", PurePosixPath(self.out).name.lower()).strip("-")
        return f"lightune-{slug[:29].strip('-') or 'study'}"

    @property
    def reads(self) -> tuple[tuple[str, str | None], ...]:
        """What the study reads from elsewhere, by the configuration's key: hub ids, files and folders."""
        config = self.config
        found = [
            ("model.source", config.model.source),
            ("data.source", config.data.source),
            *(("arms", arm) for arm in config.arms if "=" in arm),
            ("analysis.behaviour", config.analysis.behaviour),
            ("analysis.label_next", config.analysis.label_next),
        ]
        return tuple((key, value) for key, value in found if value not in (None, EMBEDDED, NONE))

    def _checks(self) -> list[tuple[bool, str]]:
        kubernetes = self.scheduler == KUBERNETES
        unfit = f"--time: D-HH:MM:SS or HH:MM:SS is expected, and more than nothing, got {self.time!r}."
        return [
            _choice("--for", self.scheduler, SCHEDULERS),
            _choice("--executor", self.executor, EXECUTORS),
            _between("--nodes", self.nodes, 1, 10_000),
            _between("--gpus-per-node", self.gpus_per_node, 0, 1000),
            _between("--cpus-per-node", self.cpus_per_node, 1, 10_000),
            (self.time is None or bool(self.seconds), unfit),
            (
                self.memory_per_node is None or _MEMORY.fullmatch(self.memory_per_node) is not None,
                f"--memory-per-node: as 64G or 500M is expected, got {self.memory_per_node!r}.",
            ),
            (
                not kubernetes or self.image is not None,
                "--image: Kubernetes runs images, so one with lightune in it is expected.",
            ),
            (
                kubernetes or self.image is None,
                "--image: it is for Kubernetes; on Slurm enter the container in the script's own line for that.",
            ),
            (
                self.image is None or _IMAGE.fullmatch(self.image) is not None,
                f"--image: REGISTRY/NAME:TAG is expected, got {self.image!r}.",
            ),
            (
                not self.fsdp or (self.executor == LOCAL and self.nodes * self.gpus_per_node > 1),
                "--fsdp: it shares out one run's model, so several GPUs and --executor local are expected.",
            ),
            (bool(self.out) and _is_text(self.out), "--out: a folder whose name is valid UTF-8 is expected."),
            (_is_text(self.config_path), "STUDY: a path that is valid UTF-8 is expected."),
        ]


def _choice(option: str, value: str, allowed: tuple[str, ...]) -> tuple[bool, str]:
    return value in allowed, f"{option}: one of {', '.join(allowed)} is expected, got {value!r}."


def _between(option: str, value: int | None, least: int, most: int) -> tuple[bool, str]:
    return value is None or least <= value <= most, f"{option}: {least} to {most:,} is expected, got {value}."


def _is_text(value: str) -> bool:
    """Whether UTF-8 can hold it: a path of other bytes holds halves of surrogate pairs in Python."""
    return not any("\ud800" <= sign <= "\udfff" for sign in value) and "\0" not in value
