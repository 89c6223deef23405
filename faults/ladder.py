"""A study of many cheap runs, and what must be true of it however often it was killed."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from tests.fixtures.models import save_language_model
from tests.fixtures.reviews import make_reviews, write_csv

from lightune.config import NONE, AnalysisConfig, CurveConfig, DataConfig, ModelConfig, StudyConfig

# An answer does not depend on what it is computed with, or by, beyond this; a study that goes on batches its texts
# otherwise, and may find another way to multiply faster.
NEAR = 1e-5
ARMS = ("majority", "tfidf", "probe")
TRAIN, TEST = 120, 40
# What need not be the same twice: the machine's state, how long things took, and what follows from that, as what is
# picked for a training by measuring.
TIMES = ("environment", "frontiers", "notes", "onednn", "laid_out", "reasons")


@dataclass(frozen=True)
class Ladder:
    """A study: each of the arms once, and `tfidf` and `probe` on so many sizes with so many seeds."""

    model: Path
    data: Path
    sizes: tuple[int, ...]
    seeds: int

    @property
    def runs(self) -> int:
        """How many runs it is made of."""
        return len(ARMS) + 2 * len(self.sizes) * self.seeds

    def config(self) -> StudyConfig:
        """The same for the library."""
        return StudyConfig(
            ModelConfig(str(self.model)),
            DataConfig(str(self.data)),
            ARMS,
            curve=CurveConfig(self.sizes, ("tfidf", "probe") if self.sizes else None, self.seeds),
            analysis=AnalysisConfig(behaviour=NONE),
        )

    def words(self, out: Path) -> list[str]:
        """The same for the command."""
        curve = ("--curve", ",".join(map(str, self.sizes)), "--curve-arms", "tfidf,probe", "--curve-seeds", self.seeds)
        given = ("--model", self.model, "--data", self.data, "--arms", ",".join(ARMS), "--out", out)
        return ["study", *map(str, given), *map(str, curve), "--behaviour", "none"]


def make_ladder(work: Path, sizes: tuple[int, ...], seeds: int) -> Ladder:
    """Write the model and the reviews. It computes: call it in a child."""
    data = work / "reviews"
    if not data.exists():
        data.mkdir(parents=True)
        write_csv(data / "train.csv", make_reviews(TRAIN))
        write_csv(data / "test.csv", make_reviews(TEST, seed=1))
        save_language_model(work / "model")
    return Ladder(work / "model", data, sizes, seeds)


def done_runs(out: Path) -> dict[str, str]:
    """The runs that are recorded as done, with the hash of their records."""
    found = {}
    for path in out.glob("runs/*/record.json"):
        content = path.read_bytes()
        if json.loads(content)["status"] == "done":
            found[path.parent.name] = hashlib.sha256(content).hexdigest()
    return found


def outcome(out: Path) -> dict[str, Any]:
    """What a finished study found, without what depends on when and how fast. Reads Parquet: call it in a child."""
    return {
        "results": without_times(json.loads((out / "results.json").read_text(encoding="utf-8"))),
        "twice": sum(_twice(path) for path in out.glob("predictions/*.parquet")),
        "rows": {path.stem: pq.read_metadata(path).num_rows for path in sorted(out.glob("predictions/*.parquet"))},
        "runs": sorted(path.parent.name for path in out.glob("runs/*/record.json")),
        "left": sorted(path.name for path in (*out.rglob("*.partial"), *out.rglob("*.before"), *out.glob(".work"))),
    }


def _twice(path: Path) -> int:
    """How many rows of predictions stand there more than once."""
    table = pq.read_table(path, columns=["row_id", "split", "train_size", "seed"])
    counted = Counter(tuple(row.values()) for row in table.to_pylist())
    return sum(number - 1 for number in counted.values())


def without_times(value: Any) -> Any:
    """The same without seconds, memory and what follows from them."""
    if isinstance(value, dict):
        return {
            name: without_times(one)
            for name, one in value.items()
            if name not in TIMES and "second" not in name and "memory" not in name
        }
    return [without_times(one) for one in value] if isinstance(value, list) else value


def difference(a: Any, b: Any, at: str = "") -> str | None:
    """Where two values of JSON differ first, numbers by more than NEAR; None where they do not."""
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return next(filter(None, (difference(a[name], b[name], f"{at}.{name}") for name in a)), None)
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        pairs = enumerate(zip(a, b, strict=True))
        return next(filter(None, (difference(one, two, f"{at}[{place}]") for place, (one, two) in pairs)), None)
    if isinstance(a, float) and isinstance(b, float) and math.isclose(a, b, rel_tol=NEAR, abs_tol=NEAR):
        return None
    return None if a == b else f"{at}: {str(a)[:80]} and {str(b)[:80]}"
