"""What all commands share: where things lie, which reviews there are, and how sides are started."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.common.flops import Shape, shape_of
from benchmarks.common.rows import Reviews, counted, read_imdb, shuffled
from benchmarks.common.surroundings import ROOT, cores, surroundings
from benchmarks.common.turns import Entry, say
from benchmarks.common.worker import Worker

# From so many reviews, drawn at random, those of a turn are chosen: enough to sort as stock's sampler does.
POOL = 4000
STEP_ROWS = 16
LITTLE = 200  # characters
C_ATTN = ["c_attn"]
LEARNING_RATE = 5e-4
RESULTS = ROOT / "benchmarks" / "results" / "run"


@dataclass(frozen=True)
class Setting:
    """model: the folder that all sides load. pool: reviews with their tokens counted. whole: gives all there are.
    work: for what is made on the way. targets: the layers that LoRA is put on; None: every linear one. short: as
    `make bench` runs it. turns: how often each side has its turn; None: the command's own number. reviews: that are
    answered for; None: the command's own number."""

    model: Path
    pool: Reviews
    whole: Callable[[], Reviews]
    work: Path
    threads: int
    allocator: str | None
    seed: int
    short: bool
    targets: list[str] | None
    turns: int | None = None
    reviews: int | None = None

    @property
    def shape(self) -> Shape:
        """The model's shape."""
        return shape_of(self.model)

    def log(self, name: str) -> Path:
        """Where a side's process writes what it prints."""
        return self.work / "logs" / f"{name}.log"

    def scratch(self, name: str) -> Path:
        """An empty folder for a side."""
        folder = self.work / "scratch" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def env(self, threads: int | None = None, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """A side's environment variables."""
        return surroundings(threads or self.threads, self.allocator, extra)

    def peak(self) -> Entry:
        """The side that measures what matrix products reach."""
        shape = self.shape
        layers = [(shape.width, 3 * shape.width), (shape.width, shape.inner), (shape.inner, shape.width)]
        return Entry("peak", "matrix products", "gemm_peak", {"layers": layers}, self.env())

    def training_spec(self, name: str, rows: Path, max_length: int, steps: int, turns: int) -> dict[str, Any]:
        """What every training side is told; `steps` warm it up, and as many are a turn."""
        return {
            "model": str(self.model),
            "rows": str(rows),
            "max_length": max_length,
            "step_rows": STEP_ROWS,
            "steps": steps,
            "warm": steps,
            "total_steps": steps * (turns + 1) + 1,
            "learning_rate": LEARNING_RATE,
            "targets": self.targets,
            "seed": self.seed,
            "scratch": str(self.scratch(name)),
        }


def parser(description: str) -> argparse.ArgumentParser:
    """The options of all commands."""
    made = argparse.ArgumentParser(description=description)
    shared = os.environ.get("LIGHTUNE_SHARED", str(ROOT.parent / "shared"))
    made.add_argument("--shared", type=Path, default=Path(shared), help="has data/imdb and models/gpt2-untrained")
    made.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "lightune-benchmarks", help="scratch")
    made.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON files")
    made.add_argument("--short", action="store_true", help="fewer reviews and turns, as `make bench`")
    made.add_argument("--turns", type=int, help="how often each side has its turn")
    made.add_argument("--reviews", type=int, help="inference: how many reviews are answered for")
    made.add_argument("--threads", type=int, default=cores(), help="of every side; default: the cores there are")
    made.add_argument("--allocator", help="a library that every side preloads; default: none, the C library's")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--targets", choices=("c_attn", "all"), default="c_attn", help="layers that LoRA is put on")
    return made


def setting_of(options: argparse.Namespace) -> Setting:
    """Read IMDb, draw the pool, and make the model where it is not there yet."""
    imdb = options.shared.resolve() / "data" / "imdb"

    def whole() -> Reviews:
        parts = [read_imdb(imdb, split) for split in ("train", "test")]
        return Reviews(sum((part.texts for part in parts), ()), sum((part.labels for part in parts), ()))

    setting = Setting(
        model=options.work.resolve() / "gpt2" / "base",
        pool=shuffled(read_imdb(imdb, "train"), POOL, options.seed),
        whole=whole,
        work=options.work.resolve(),
        threads=options.threads,
        allocator=options.allocator,
        seed=options.seed,
        short=options.short,
        targets=C_ATTN if options.targets == "c_attn" else None,
        turns=options.turns,
        reviews=options.reviews,
    )
    return with_model(setting, options.shared.resolve() / "models" / "gpt2-untrained")


def with_model(setting: Setting, config: Path) -> Setting:
    """The same with its model made from the folder `config`, and the pool's tokens counted by the model's tokenizer."""
    from transformers import AutoTokenizer

    prepare(setting, config, None)
    return replace(setting, pool=counted(setting.pool, AutoTokenizer.from_pretrained(setting.model)))


def prepare(setting: Setting, config: Path, max_length: int | None) -> Path:
    """Make what is not there yet, and return the folder: the base, and with a `max_length` an adapter and the merged
    model that cut there."""
    folder = setting.model.parent
    few = setting.pool.take(range(STEP_ROWS))
    # The adapter's values do not matter, so it learns from the beginnings of a few reviews.
    rows = Reviews(tuple(text[:LITTLE] for text in few.texts), few.labels).save(
        setting.work / "rows" / "preparing.json"
    )
    spec = {
        **setting.training_spec("preparing", rows, max_length or 0, 1, 1),
        "config": str(config),
        "folder": str(folder),
        "artifact": max_length is not None,
        "dropout": False,
    }
    say("making the model, where it is not there yet")
    with Worker("preparing", spec, setting.env(), setting.log("preparing")):
        return folder
