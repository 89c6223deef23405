"""Studies killed at random moments until they are done: `python -m faults.studies [--short]`.

A study of 21 runs is killed again and again, the whole process and a run's own process in turn. Each run must be
recorded once, a run that is done must not be done again, and the results must be those of a study that nothing
interrupted: numbers within 1e-5, but for times. Most studies run in forked children of one warm process; ten kills go
through the real command.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soak.table import Line

from faults.command import command
from faults.ladder import Ladder, difference, done_runs, make_ladder, outcome
from faults.processes import ended, forked, told
from lightune.progress import Progress
from lightune.records import RunRecord
from lightune.study import in_process, run_study
from lightune.study.executors import _why
from lightune.study.runs import RunSpec, failed_record, read_record

# Tries to one kill, before a study must be stuck.
MOST_TRIES = 10
PATIENCE = 300.0


@dataclass
class Killed:
    """What came of killing. again: runs that were done and were done again, or lost. differing: studies whose outcome
    was not that of one that nothing interrupted. stuck: tries that came to nothing."""

    studies: int = 0
    of_studies: int = 0
    of_workers: int = 0
    again: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    stuck: bool = False

    @property
    def kills(self) -> int:
        """Of both kinds."""
        return self.of_studies + self.of_workers

    def line(self, title: str, runs: int, wanted: int) -> Line:
        """For the table."""
        wrong = [*self.again[:1], *self.differing[:1], *(["stuck"] if self.stuck else [])]
        seen = (
            f"{self.of_studies} SIGKILLs of the study, {self.of_workers} of a run's process, {self.studies} studies of "
            f"{runs} runs finished: {len(self.again)} runs lost or done again, {len(self.differing)} outcomes differ"
            f"{f'; {wrong[0]}' if wrong else ''}"
        )
        holds = not wrong and self.kills >= wanted and self.studies > 0
        return Line("studies", f"{title}: each run recorded once, results as without kills", seen, holds)


def run(work: Path, short: bool = False) -> list[Line]:
    """Kill in warm children, and with the real command."""
    sizes, seeds = ((40,), 2) if short else ((40, 60, 80), 3)
    ladder = _made(work, sizes, seeds)
    kills = 6 if short else 90
    lines = [kill_often(ladder, work / "warm", kills, random.Random(0)).line("forked", ladder.runs, kills)]
    if not short:
        few = _made(work, (40,), 1)
        lines.append(kill_command(few, work / "command", 10, random.Random(1)).line("the command", few.runs, 10))
    return lines


def _made(work: Path, sizes: tuple[int, ...], seeds: int) -> Ladder:
    work.mkdir(parents=True, exist_ok=True)
    told(lambda: str(make_ladder(work, sizes, seeds)), work)
    return Ladder(work / "model", work / "reviews", sizes, seeds)


def kill_often(ladder: Ladder, work: Path, kills: int, rng: random.Random) -> Killed:
    """Kill studies in forked children so often; one that is done is compared, and another one begun."""
    work.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    if ended(forked(lambda: run_study(ladder.config(), work / "whole", executor=in_process), work / "why.txt")):
        raise RuntimeError((work / "why.txt").read_text())
    takes = time.monotonic() - begun
    wanted = told(lambda: outcome(work / "whole"), work)
    found = Killed()
    tries = 0
    while found.kills < kills or not found.studies:
        out = work / f"out-{found.studies}"
        tries += 1
        before = done_runs(out)
        # The last study is left alone in the end.
        of_study, of_worker = found.kills < kills and tries % 2 == 0, found.kills < kills and tries % 2 == 1
        marks = work / "killed"
        executor = KillingExecutor(rng.randrange(2**32), marks) if of_worker else in_process
        child = forked(lambda o=out, e=executor: run_study(ladder.config(), o, executor=e), work / "why.txt")  # type: ignore[misc]
        code = ended(child, rng.uniform(0, takes / 2) if of_study else None)
        found.of_studies += code == -signal.SIGKILL
        found.of_workers += _taken(marks)
        if code > 0:
            raise RuntimeError((work / "why.txt").read_text())
        if _seen(found, out, before, ladder, code, lambda o=out: told(lambda: outcome(o), work), wanted):  # type: ignore[misc]
            tries = 0
        elif tries > MOST_TRIES + 2 * ladder.runs:
            found.stuck = True
            break
    return found


class KillingExecutor:
    """Does each run in a forked child, and kills some of them at a random moment. marks: gets a letter for each."""

    def __init__(self, seed: int, marks: Path) -> None:
        self._rng = random.Random(seed)
        self._marks = marks

    def __call__(self, spec: RunSpec, progress: Progress) -> RunRecord:
        """As `in_worker` does: what a killed process leaves is a failed run."""
        folder = Path(spec.folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "record.json").unlink(missing_ok=True)
        child = forked(lambda: in_process(spec, progress), folder / "why.txt")
        code = ended(child, self._rng.uniform(0, 0.3) if self._rng.random() < 0.3 else None)
        if code == -signal.SIGKILL:
            with self._marks.open("a") as marks:
                marks.write("x")
        record = read_record(folder)
        return record if code == 0 and record is not None else failed_record(spec, _why(code, folder))


def _taken(marks: Path) -> int:
    found = len(marks.read_text()) if marks.exists() else 0
    marks.unlink(missing_ok=True)
    return found


def kill_command(ladder: Ladder, work: Path, kills: int, rng: random.Random) -> Killed:
    """The same through the command: the process of the study, and the one of the run that it is at, in turn."""
    work.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    command = [sys.executable, "-m", "lightune"]
    subprocess.run([*command, *ladder.words(work / "whole"), "--quiet"], check=True)
    takes = time.monotonic() - begun
    wanted = told(lambda: outcome(work / "whole"), work)
    found = Killed()
    while (found.kills < kills or not found.studies) and not found.stuck:
        out = work / f"out-{found.studies}"
        before = done_runs(out)
        process = subprocess.Popen([*command, *ladder.words(out), "--quiet"], stderr=subprocess.DEVNULL)
        if found.kills < kills:
            _kill(process, found, rng.uniform(0, takes / 2))
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            found.stuck = True
            process.kill()
            code = process.wait()
        _seen(found, out, before, ladder, code, lambda o=out: told(lambda: outcome(o), work), wanted)  # type: ignore[misc]
    return found


def _kill(process: subprocess.Popen[bytes], found: Killed, after: float) -> None:
    """Kill the study, or where it is the other's turn, its worker as soon as there is one after that time."""
    until = time.monotonic() + after
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    if found.of_studies <= found.of_workers:
        if process.poll() is None:
            process.kill()
            found.of_studies += 1
        return
    while process.poll() is None:
        for worker in _workers(process.pid):
            os.kill(worker, signal.SIGKILL)
            found.of_workers += 1
            return
        time.sleep(0.02)


def _workers(parent: int) -> list[int]:
    """The workers that a command has started, and not waited for."""
    found = []
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        try:
            words = Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:
            continue
        if b"lightune.worker" in words:
            found.append(int(child))
    return found


def _seen(
    found: Killed,
    out: Path,
    before: dict[str, str],
    ladder: Ladder,
    code: int,
    outcome_of: Callable[[], Any],
    wanted: Any,
) -> bool:
    """Look at what a try has left. Returns whether the study is done."""
    after = done_runs(out)
    found.again += [f"{out.name}: {name}" for name, record in before.items() if after.get(name) != record]
    if code < 0 or len(after) < ladder.runs:
        return False
    found.studies += 1
    where = difference(outcome_of(), wanted)
    if where is not None:
        found.differing.append(f"{out.name}{where}")
    return True


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    return command(__doc__, run, "6 kills of a smaller study, none through the command", argv)


if __name__ == "__main__":
    sys.exit(main())
