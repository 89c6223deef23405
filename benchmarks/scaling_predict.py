"""Rows a second of a folder's prediction: by one process, and by 1 and 2 workers of a Ray cluster on this machine, one
thread each, side by side in turns: `python -m benchmarks.scaling_predict`.

What the machine loses when two processes compute at once is no fault of Ray: two plain processes, half of the files
each, show it beside. Counted is from the first answer on; what starts and loads before is told apart.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from soak.batch_artefacts import make_texts, save_lora

from benchmarks.common.surroundings import surroundings
from lightune.inference import FolderRequest, Workers, predict_folder, ray_engine

TARGET, TOLERANCE = 0.85, 1e-5
ONE, TWO, RAY_1, RAY_2 = "one process", "two processes", "Ray, 1 worker", "Ray, 2 workers"
WORKERS = {ONE: 1, TWO: 2, RAY_1: 1, RAY_2: 2}
FILES = 24


@dataclass(frozen=True)
class Taken:
    """A side's turn. rows: answered after the first answer came, within so many seconds. before: seconds until then."""

    rows: int
    seconds: float
    before: float


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--rows", type=int, default=9_600)
    made.add_argument("--words", type=int, default=250, help="of the longest review; the shortest has one")
    made.add_argument("--turns", type=int, default=3)
    made.add_argument("--model", default="embedded")
    made.add_argument("--side", nargs=4, help=argparse.SUPPRESS)  # what a child is to do
    options = made.parse_args(argv)
    if options.side is not None:
        print(json.dumps(asdict(label(*options.side))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_input(work, options.rows, options.words)
        save_lora(work / "artefact", options.model)
        turns: dict[str, list[list[Taken]]] = {side: [] for side in WORKERS}
        for turn in range(options.turns):
            for side in WORKERS:
                turns[side].append(take(work, side, turn))
                print(f"turn {turn + 1}, {side}: {told(turns[side][-1])}", file=sys.stderr, flush=True)
        compare(work)
    return report(turns)


def write_input(work: Path, rows: int, words: int) -> None:
    """Generated reviews in two folders of half of the files each, in a folder that is the input of most sides."""
    texts = make_texts(rows, most=words)
    for at, part in enumerate(np.array_split(np.arange(rows), FILES)):
        path = work / "in" / f"half={at % 2}" / f"{at:02}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"id": part, "text": [texts[row] for row in part]}), path)


def take(work: Path, side: str, turn: int) -> list[Taken]:
    """A turn: each process of this side by itself, all at once."""
    parts = ["in/half=0", "in/half=1"] if side == TWO else ["in"]
    children = []
    for part in parts:
        out = work / f"{side}-{turn}-{Path(part).name}"
        words = [sys.executable, "-m", "benchmarks.scaling_predict", "--side", side, str(work), part, str(out)]
        children.append(subprocess.Popen(words, env=surroundings(1), stdout=subprocess.PIPE, text=True))
    said = [child.communicate()[0] for child in children]
    if any(child.returncode for child in children):
        raise RuntimeError(f"{side} failed")
    return [Taken(**json.loads(one.splitlines()[-1])) for one in said]


def label(side: str, work: str, part: str, out: str) -> Taken:
    """In a child: label a folder, and tell how fast that went."""
    arms = {"": Path(work) / "artefact"}
    began = time.perf_counter()
    heard: list[tuple[float, int]] = []

    def progress(phase: str, done: int, total: int, facts: dict[str, Any]) -> None:  # noqa: ARG001
        if phase == "label" and done:
            heard.append((time.perf_counter(), done))

    on_ray = side in (RAY_1, RAY_2)
    with ray_engine(arms, "local", Workers(WORKERS[side])) if on_ray else nullcontext() as engine:
        predict_folder(FolderRequest(arms, str(Path(work) / part), out), progress, engine)
    (first, rows), (last, all_rows) = heard[0], heard[-1]
    return Taken(all_rows - rows, last - first, first - began)


def compare(work: Path) -> None:
    """Raise RuntimeError where sides differ by more than the last bits of a probability, or a row is not there once."""
    wanted = None
    for side in WORKERS:
        found = pa.concat_tables(
            pq.read_table(path, partitioning=None)
            for path in sorted(work.glob(f"{side}-0-*/**/*.parquet"), key=lambda path: path.name)
        )
        wanted = found if wanted is None else wanted
        if len(found) != len(wanted):
            raise RuntimeError(f"{side}: {len(found):,} rows where {ONE} has {len(wanted):,}")
        for name in wanted.schema.names:
            ours, theirs = found.column(name), wanted.column(name)
            near = pa.types.is_floating(ours.type) and np.allclose(ours, theirs, rtol=0, atol=TOLERANCE)
            if not near and not ours.equals(theirs):
                raise RuntimeError(f"{side}: {name} is not that of {ONE}")


def speed(taken: Sequence[Taken]) -> float:
    """Rows a second, of all processes of a turn together."""
    return sum(one.rows / one.seconds for one in taken)


def told(taken: Sequence[Taken]) -> str:
    """A turn in words."""
    return f"{speed(taken):,.1f} rows/s, {max(one.before for one in taken):.1f} s before the first answer"


def report(turns: dict[str, list[list[Taken]]]) -> int:
    """Print the table; returns 1 where Ray keeps less than the target of one process."""
    print("| | rows/s | of one process, each | s before the first answer |\n| --- | ---: | ---: | ---: |")
    shares = {}
    for side, taken in turns.items():
        # By turn, so that what the machine did meanwhile met both.
        pairs = zip(taken, turns[ONE], strict=True)
        shares[side] = statistics.median(speed(one) / WORKERS[side] / speed(alone) for one, alone in pairs)
        rate = statistics.median(map(speed, taken))
        before = statistics.median(max(one.before for one in each) for each in taken)
        print(f"| {side} | {rate:,.1f} | {shares[side]:.2f} | {before:.1f} |")
    kept = min(shares[RAY_1], shares[RAY_2])
    print(f"\nRay keeps {kept:.2f} of one process a worker; at least {TARGET} are wanted.")
    return int(kept < TARGET)


if __name__ == "__main__":
    sys.exit(main())
