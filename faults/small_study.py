"""A small study that faults are made for, and what came of it."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from soak.served import ROOT

THINGS = ("plot", "music", "cast", "ending", "acting", "scene")
SAID = {"good": ("a joy", "brilliant", "lovely"), "bad": ("a mess", "dull", "boring")}


@dataclass(frozen=True)
class Ended:
    """How the command ended. said: its standard error."""

    code: int
    said: str


def write_data(folder: Path, train: int = 60, test: int = 30) -> Path:
    """Generated reviews of a few words, labelled good and bad."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows, seed in (("train", train, 0), ("test", test, 1)):
        drawn = random.Random(seed)
        lines = ["text,label"]
        for at in range(rows):
            label = ("good", "bad")[at % 2]
            said = (f"the {drawn.choice(THINGS)} is {drawn.choice(SAID[label])}" for _ in range(drawn.randint(8, 24)))
            lines.append(f"Review {at}: {' and '.join(said)}.,{label}")
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def study(
    data: Path, out: Path, *options: str, environment: Mapping[str, str] | None = None, limit: int | None = None
) -> Ended:
    """`lightune study` on `data` with the embedded model, four steps and two checkpoints unless `options` say other.

    limit: bytes that a file which it or its workers write may have.
    """
    usual = {"--model": "embedded", "--arms": "tfidf,lora", "--max-steps": "4", "--evaluations": "2", "--patience": "0"}
    usual |= dict(zip(options[::2], options[1::2], strict=True))
    words = [word for pair in usual.items() for word in pair]
    command = [sys.executable, "-P", "-m", "lightune", "study", "--data", str(data), "--out", str(out)]
    run = subprocess.run(
        [*command, *words, "--behaviour", "none"],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1", **(environment or {})},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        preexec_fn=None if limit is None else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    return Ended(run.returncode, run.stderr)


def difference(one: Path, other: Path, arm: str = "lora") -> float:
    """The largest difference between two studies' trained weights of an arm; infinite where they are not alike."""
    from safetensors.numpy import load_file

    paths = (folder / "arms" / arm / "adapter_model.safetensors" for folder in (one, other))
    mine, theirs = (load_file(path) for path in paths)
    if set(mine) != set(theirs):
        return float("inf")
    return max(float(abs(mine[name] - theirs[name]).max()) for name in mine)
