"""Trainings that run out of memory for real: `python -m faults.memory [--short]`.

A worker is killed by SIGKILL at a step whose micro-batch is too large, and another has its address space limited at a
step, so that an allocation fails. Each must go on from its checkpoint with smaller micro-batches, to the weights of a
training that nothing happened to.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from soak.table import Line, say

from faults.command import command
from faults.small_study import Ended, difference, study, write_data

HOOKED = Path(__file__).parent / "hooked"
STEPS = {"--max-steps": "8", "--evaluations": "4", "--arms": "lora"}
OPTIONS = tuple(word for pair in STEPS.items() for word in pair)
TOLERANCE = 1e-5


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    return command(__doc__, run, "a kill alone", argv)


def run(work: Path, short: bool = False) -> list[Line]:
    """All lines. work: a folder to work in."""
    data = write_data(work / "memory-data")
    whole = work / "memory-whole"
    uninterrupted = study(data, whole, *OPTIONS)
    if uninterrupted.code != 0:
        raise RuntimeError(f"the study that nothing happens to failed: {uninterrupted.said}")
    kills = ((5, 4),) if short else ((1, 4), (3, 2), (5, 4), (7, 2))
    limits = () if short else ((2, 4), (5, 4), (7, 2))
    ended = [_faulty(data, work / f"kill-{step}-{rows}", "kill", step, rows) for step, rows in kills]
    killed = _line("killed", "SIGKILL of a worker", whole, ended)
    ended = [_faulty(data, work / f"limit-{step}-{rows}", "limit", step, rows) for step, rows in limits]
    limited = [_line("limited", "a limit of the address space (RLIMIT_AS)", whole, ended)] if ended else []
    return [killed, *limited, *([] if short else [_hopeless(data, work / "hopeless")])]


def _faulty(data: Path, out: Path, kind: str, step: int, bound: int) -> tuple[Path, Ended]:
    """A study whose worker meets a fault at `step`, where a micro-batch has more rows than `bound`."""
    say(f"memory: {kind} at step {step}, {bound}")
    told = {
        "LIGHTUNE_FAULT": kind,
        "LIGHTUNE_FAULT_STEP": str(step),
        "LIGHTUNE_FAULT_ROWS": str(bound),
        "LIGHTUNE_FAULT_BYTES": str(8 * 2**20),
        "PYTHONPATH": os.pathsep.join([str(HOOKED), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    return out, study(data, out, *OPTIONS, environment=told)


def _line(check: str, what: str, whole: Path, ended: Sequence[tuple[Path, Ended]]) -> Line:
    same, halvings = [], []
    for out, end in ended:
        if end.code != 0:
            say(end.said)
        halvings.append(_halvings(out) if end.code == 0 and "half the micro-batch" in end.said else 0)
        same.append(difference(out, whole) if end.code == 0 else float("inf"))
    return Line(
        f"memory: {check}",
        f"after {what} the same command goes on in smaller micro-batches to the same weights (1e-5), and says so",
        f"{sum(one <= TOLERANCE for one in same)} of {len(same)}; largest difference {max(same):.1e}; "
        f"halved {'/'.join(map(str, halvings))} times",
        all(one <= TOLERANCE for one in same) and all(halvings),
    )


def _halvings(out: Path) -> int:
    record = json.loads(next((out / "runs").glob("lora-*/record.json")).read_text(encoding="utf-8"))
    return int(record["training"]["plan"]["halvings"])


def _hopeless(data: Path, out: Path) -> Line:
    """Each micro-batch is too large, whatever its size."""
    _, end = _faulty(data, out, "kill", 5, 0)
    held = end.code == 1 and end.said.count("half the micro-batch") == 4 and "--max-length" in end.said
    reported = (out / "report.md").exists() and "ran out of memory" in (out / "report.md").read_text(encoding="utf-8")
    return Line(
        "memory: hopeless",
        "a run that no micro-batch is small enough for ends after 4 halvings with a sentence, exit code 1 and a report",
        f"exit code {end.code}, {end.said.count('half the micro-batch')} halvings",
        held and reported,
    )


if __name__ == "__main__":
    sys.exit(main())
