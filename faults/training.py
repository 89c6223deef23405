"""One small training in a forked child, which can be killed at any of its writes: what the checks of checkpoints do."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lightune.arms import make_arm
from lightune.arms.base import ArmContext
from lightune.compute import Choices, choosing
from lightune.config import DataConfig, ModelConfig, StudyConfig, TrainingConfig
from lightune.progress import NOTE
from lightune.records import Splits
from lightune.runtime import seed_everything
from lightune.study.checkpoints import OwnCheckpoints

STEPS, INTERVAL = 6, 2
CONFIG = StudyConfig(
    ModelConfig("embedded", max_length=16),
    DataConfig(train_size=64, validation_size=20, test_size=20),
    arms=("lora",),
    training=TrainingConfig(max_steps=STEPS, evaluations=STEPS // INTERVAL, patience=0, learning_rate=1e-3),
)
# What Python tells its audit hooks when a folder changes. Files that a library writes past it are seen when they are
# opened to be synced, which is after they were written.
CHANGES = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.link", "os.symlink")


@dataclass(frozen=True)
class Told:
    """What a child left in its log. steps: that it did, in order. notes: what it said of checkpoints. digest: of the
    trained weights; None where it did not come to the end. writes: that were seen. why: it failed."""

    steps: tuple[int, ...]
    notes: tuple[str, ...]
    digest: str | None
    writes: tuple[str, ...]
    why: str | None


class Child:
    """A forked process that trains `arm` in `folder`, going on from what is there.

    die_at: the number of the write, from 0, just before which, and so right after the one before, it kills itself.
    trace: whether it logs its writes.
    """

    def __init__(self, arm: str, splits: Splits, folder: Path, die_at: int | None = None, trace: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "log.jsonl"
        self.log.unlink(missing_ok=True)
        self.pid = os.fork()
        if self.pid:
            return
        code = 1
        log = os.open(self.log, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        try:
            if die_at is not None or trace:
                _watch(folder, log, die_at)
            _tell(log, "digest", _train(arm, splits, folder, log))
            code = 0
        except BaseException:
            _tell(log, "why", traceback.format_exc())
        finally:
            os._exit(code)

    def kill(self) -> None:
        """At once. It has not been waited for, so its number is its own still."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Its exit code, -9 where it was killed."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def told(self) -> Told:
        """What it left."""
        found: dict[str, list[Any]] = {"step": [], "note": [], "digest": [], "write": [], "why": []}
        for line in self.log.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):  # the last one of a child that was killed
                kind, value = json.loads(line)
                found[kind].append(value)
        one = {kind: values[-1] if values else None for kind, values in found.items()}
        steps, notes, writes = (tuple(found[kind]) for kind in ("step", "note", "write"))
        return Told(steps, notes, one["digest"], writes, one["why"])


def _train(arm: str, splits: Splits, folder: Path, log: int) -> str:
    def told(phase: str, done: int, total: int, facts: dict[str, Any]) -> None:  # noqa: ARG001
        if NOTE in facts:
            _tell(log, "note", facts[NOTE])
        elif phase == "train" and not facts:
            _tell(log, "step", done)

    context = ArmContext(
        spec=arm,
        config=CONFIG,
        label_names=splits.label_names,
        positive_label=splits.facts.positive_label,
        data_fingerprint=splits.facts.fingerprint,
        seed=0,
        train_size=len(splits.train),
        scratch=folder / "run",
        cache=folder / "cache",
        progress=told,
    )
    context.scratch.mkdir(exist_ok=True)
    seed_everything(0)

    def say(note: str) -> None:
        _tell(log, "note", note)

    # What is faster is measured anew by each process, and on a busy machine not always with the same outcome.
    with choosing(Choices(torch.get_num_threads(), onednn=False)), OwnCheckpoints(context.scratch, "the same", say):
        fitted: Any = make_arm(context).fit(splits.train, splits.validation)
    digest = hashlib.sha256()
    for name, value in sorted(fitted.model.named_parameters()):
        digest.update(name.encode() + value.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _watch(folder: Path, log: int, die_at: int | None) -> None:
    """Log each write below `folder`; at the one of number `die_at` the process is killed before it."""
    seen = 0
    root = str(folder)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event == "open":
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if not writes or not str(path).startswith(root):
                return
        elif event not in CHANGES:
            return
        if seen == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        seen += 1
        _tell(log, "write", f"{event} {Path(os.fsdecode(arguments[0])).name}")

    sys.addaudithook(hook)


def _tell(log: int, kind: str, value: Any) -> None:
    os.write(log, json.dumps([kind, value]).encode() + b"\n")
