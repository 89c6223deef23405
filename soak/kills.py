"""Batch predictions killed at random times, until they are done: `python -m soak.kills`.

Each output must be the bytes of a run that nothing interrupted. Ids stand in several rows, and texts too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lightune.data import Cut
from lightune.inference import BatchRequest, Wanted
from lightune.inference.writing import write_rows
from soak.batch_artefacts import make_texts, save_bag, save_lora

ENDINGS = (".csv", ".jsonl", ".parquet")
# Children to one kill, before something else must be wrong.
MOST_CHILDREN = 20


@dataclass(frozen=True)
class Killed:
    """What came of killing. kills: children that a SIGKILL ended. resumed: those that found parts of an earlier one.
    outputs: that were made in the end. same: whether all were byte-identical to an uninterrupted run's, and nothing
    else was left beside them."""

    title: str
    rows: int
    kills: int
    resumed: int
    outputs: int
    same: bool

    def __str__(self) -> str:
        said = "byte-identical" if self.same else "NOT the same"
        return (
            f"{self.title}: {self.kills} kills, {self.resumed} resumes over {self.rows:,} rows, "
            f"{self.outputs} outputs {said}"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--short", action="store_true", help="a tenth of the rows and of the kills")
    made.add_argument("--model", default="embedded", help="what the adapter stands on")
    made.add_argument("--seed", type=int, default=0)
    options = made.parse_args(argv)
    part = 10 if options.short else 1
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        bag, lora = save_in_child(work / "tfidf", None), save_in_child(work / "lora", options.model)
        found = [
            kill_often(f"tfidf {ending}", bag, work, ending, 10_000 // part, kills // part, options.seed)
            for ending, kills in zip(ENDINGS, (34, 33, 33), strict=True)
        ]
        found.append(kill_often("lora .csv", lora, work, ".csv", 2_000 // part, 20 // part, options.seed))
    kills, outputs = sum(one.kills for one in found), sum(one.outputs for one in found)
    same = all(one.same for one in found)
    print(
        f"kills: {kills} SIGKILLs, {outputs} outputs, {'all byte-identical' if same else 'NOT ALL THE SAME'} "
        f"({'; '.join(map(str, found))})"
    )
    return 0 if same else 1


def kill_often(
    title: str, artefact: Path, work: Path, ending: str, rows: int, kills: int, seed: int, windows: int = 50
) -> Killed:
    """Have `rows` rows labelled, killed `kills` times in all; an output that is done is compared, and begun anew."""
    generator = random.Random(f"{seed} {title}")
    folder = Path(tempfile.mkdtemp(dir=work))
    request = BatchRequest(
        {"": artefact},
        write_input(folder / f"in{ending}", rows),
        folder / f"whole{ending}",
        wanted=Wanted(abstain_below=0.4),
        cut=Cut(max(1, rows // windows), 2**20),
    )
    start = time.monotonic()
    if run_in_child(request) != 0:
        raise RuntimeError(f"{title}: the run that nothing interrupts failed: {_said(request)}")
    takes = time.monotonic() - start
    wanted = request.target.read_bytes()
    request.target.unlink()
    request = replace(request, target=folder / f"out{ending}", resume=True)
    killed = resumed = outputs = children = 0
    same = True
    while killed < kills or not outputs:
        children += 1
        if children > MOST_CHILDREN * kills:
            raise RuntimeError(f"{title}: {children} children, and only {killed} of them were killed in time")
        done = len(list(folder.glob("out*.parts/part-*")))
        resumed += done > 0
        code = run_in_child(request, _moment(generator, takes, folder, done) if killed < kills else None)
        if code == -signal.SIGKILL:
            killed += 1
        elif code == 0:
            outputs += 1
            same = same and request.target.read_bytes() == wanted and not any(folder.glob("out*.parts"))
            request.target.unlink()
        else:
            raise RuntimeError(f"{title}: a child ended with {code}: {_said(request)}")
    return Killed(title, rows, killed, resumed, outputs, same)


def _moment(generator: random.Random, takes: float, folder: Path, done: int) -> Callable[[], None]:
    """Wait for a moment to kill at: any of a run, or every other time one when it has something to lose."""
    late, share = generator.random() < 0.5, generator.random()

    def wait() -> None:
        until = time.monotonic() + takes
        while late and time.monotonic() < until and len(list(folder.glob("out*.parts/part-*"))) <= done:
            time.sleep(0.002)
        time.sleep(share * takes / 4 if late else share * takes)

    return wait


def run_in_child(request: BatchRequest, kill_after: Callable[[], None] | None = None) -> int:
    """Run a batch prediction in a forked child; returns its exit code, -9 where it was killed, after that wait."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            import torch

            from lightune.compute import Choices, choosing
            from lightune.inference import predict_file

            # What is faster is measured anew by each job, and on a busy machine not always with the same outcome. Here
            # every job, not only those that go on, must make the same bits.
            with choosing(Choices(torch.get_num_threads(), onednn=False)):
                predict_file(request)
            code = 0
        except BaseException:
            _why(request).write_text(traceback.format_exc(), encoding="utf-8")
        finally:
            os._exit(code)
    if kill_after is not None:
        kill_after()
        os.kill(child, signal.SIGKILL)  # it has not been waited for, so that its number is its own still
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _why(request: BatchRequest) -> Path:
    """Where a child leaves why it failed; its standard error may be anywhere."""
    return request.target.with_name("why.txt")


def _said(request: BatchRequest) -> str:
    path = _why(request)
    return path.read_text(encoding="utf-8") if path.exists() else "it left no reason"


def save_in_child(folder: Path, model: str | None) -> Path:
    """Save an artefact: LoRA on `model`, or one that counts words. In a child, since who forks must not compute."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if model is None:
                save_bag(folder)
            else:
                save_lora(folder, model)
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError(f"{folder} could not be made")
    return folder


def write_input(path: Path, rows: int) -> Path:
    """Rows with ids that come again and again, and values that are easily altered."""
    values = [
        (f"{at % 97:03}", text, odd)
        for at, (text, odd) in enumerate(zip(make_texts(rows), _odd_values(rows), strict=True))
    ]
    if path.suffix == ".jsonl":
        lines = (f'{{"id": "{name}", "text": {json.dumps(text)}, "odd": {odd}}}\n' for name, text, odd in values)
        path.write_text("".join(lines), encoding="utf-8")
    elif path.suffix == ".parquet":
        names, texts, odd = zip(*values, strict=True)
        typed = pa.array([float(value) for value in odd], pa.float32())
        pq.write_table(pa.table({"id": pa.array(names).dictionary_encode(), "text": texts, "odd": typed}), path)
    else:
        with path.open("w", encoding="utf-8", newline="") as handle:
            write_rows(handle, [("id", "text", "odd"), *values], ",")
    return path


def _odd_values(rows: int) -> list[str]:
    odd = ("1.0", "1e400", "12345678901234567890", "-0", "0.10")
    return [odd[at % len(odd)] for at in range(rows)]


if __name__ == "__main__":
    sys.exit(main())
