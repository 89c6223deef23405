"""SIGTERM and Ctrl-C to the real command, at random moments and in each phase: `python -m faults.signals [--short]`.

A study is signalled, begun again with the same words, signalled again, and so on until it is done; then the next one.
After each signal the process must have left within 10 s with the right code, one line, no worker and nothing half
written; the next try must not repeat what was done. The other verbs that write get theirs at random moments.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soak.table import Line, say

from faults.command import command
from faults.ladder import difference, done_runs, make_ladder, outcome
from faults.processes import told

COMMAND = (sys.executable, "-m", "lightune")
LEAVES = 10.0
# Until a command that ought to end is given up.
PATIENCE = 300.0
# A process that is done leaves within so many seconds.
ENDING = 1.0
# So often in a row a moment may have passed before its signal.
MISSES = 4
STEPS, LOOKS = 60, 6
# At what a study's own lines say; None: at a random moment. Tokenising comes between a run's start and its training.
MOMENTS = (
    None,
    "data",
    "start",
    "progress train",
    None,
    "progress predict",
    "progress certify",
    "evaluate metrics",
    "evaluate comparisons",
    None,
    "done",
)
SAID = {signal.SIGTERM: "Terminated", signal.SIGINT: "Interrupted"}


@dataclass(frozen=True)
class Sent:
    """A signal and what came of it. seconds: until the process had left; None: it had come to its end before. steps:
    the first and the last step of a training that were told of. wrong: what must not be."""

    where: str
    seconds: float | None
    steps: tuple[int, int] | None
    wrong: tuple[str, ...]


def run(work: Path, short: bool = False) -> list[Line]:
    """A study signalled in each phase, and the other verbs."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # A shell's background job ignores Ctrl-C, and would hand that down to the commands.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    rng = random.Random(0)
    told(lambda: str(make_ladder(work, (), 1)), work)
    words = ["study", "--model", str(work / "model"), "--data", str(work / "reviews")]
    words += ["--arms", "lora" if short else "tfidf,lora"]
    words += [
        "--max-steps",
        str(STEPS),
        "--evaluations",
        str(LOOKS),
        "--patience",
        "0",
        "--behaviour",
        "none",
        "--json",
    ]
    if short:
        return [_study_line(signal_study(words, work, 1, ("progress train",), rng, compared=False))]
    lines = [_study_line(signal_study(words, work, 40, MOMENTS, rng))]
    return [*lines, _verbs_line(signal_verbs(work / "whole", work, rng))]


def _study_line(found: tuple[list[Sent], list[str]]) -> Line:
    sent, differing = found
    heard = [one for one in sent if one.seconds is not None]
    wrong = [*(f"{one.where}: {fault}" for one in sent for fault in one.wrong), *differing]
    again = max((_again(before, after) for before, after in itertools.pairwise(sent)), default=0)
    seen = f"{_left_within(heard)}, at most {again} steps trained again{_wrongs(wrong)}"
    holds = not wrong and bool(heard) and again <= STEPS // LOOKS
    return Line("signals", "a study leaves within 10 s, whole, and the same command goes on", seen, holds, timed=True)


def _again(before: Sent, after: Sent) -> int:
    """Steps that a training did once more."""
    if before.steps is None or after.steps is None or before.steps[1] >= STEPS:
        return 0
    return max(0, before.steps[1] - after.steps[0] + 1)


def _verbs_line(sent: list[Sent]) -> Line:
    heard = [one for one in sent if one.seconds is not None]
    wrong = [f"{one.where}: {fault}" for one in sent for fault in one.wrong]
    holds = not wrong and bool(heard)
    said = f"{_left_within(heard)}{_wrongs(wrong)}"
    return Line("signals", "so do predict, export, verify, report and search", said, holds, timed=True)


def _left_within(heard: list[Sent]) -> str:
    return f"{len(heard)} signals, left within {max((one.seconds or 0 for one in heard), default=0):.1f} s"


def _wrongs(wrong: list[str]) -> str:
    for one in wrong:
        say(f"signals: {one}")
    return f"; {len(wrong)} WRONG, {wrong[0]}" if wrong else ""


def signal_study(
    words: list[str],
    work: Path,
    signals: int,
    moments: tuple[str | None, ...],
    rng: random.Random,
    *,
    compared: bool = True,
) -> tuple[list[Sent], list[str]]:
    """Send so many signals. Returns them, and where studies differ from one that nothing interrupted."""
    takes, wanted = 10.0, None
    if compared:
        begun = time.monotonic()
        subprocess.run([*COMMAND, *words, "--out", str(work / "whole")], check=True, stdout=subprocess.DEVNULL)
        takes = time.monotonic() - begun
        wanted = told(lambda: outcome(work / "whole"), work)
    sent: list[Sent] = []
    differing: list[str] = []
    number = studies = missed = 0
    while number < signals or not studies:
        out = work / f"out-{studies}"
        which = (signal.SIGTERM, signal.SIGINT)[number % 2] if number < signals else None
        moment = moments[number % len(moments)]
        # What goes on is done sooner than what begins anew.
        after = rng.uniform(0, takes if not out.exists() else takes / 2)
        one = signalled([*COMMAND, *words, "--out", str(out)], out, which, moment, after)
        sent.append(one)
        if one.seconds is not None:
            number, missed = number + 1, 0
        elif not one.wrong:
            # What this moment comes after was done already, or a random one came too late: the next study has it.
            studies, missed = studies + 1, missed + 1
            seen = told(lambda o=out: outcome(o), work)  # type: ignore[misc]
            where = difference(seen, wanted) if compared else None
            differing += [] if where is None else [f"{out.name}{where}"]
        if missed > MISSES or (one.seconds is None and one.wrong):
            differing += [f"{moment or 'any moment'} did not come"] if missed > MISSES else []
            break
    return sent, differing


def signalled(words: list[str], out: Path, number: int | None, moment: str | None, after: float) -> Sent:
    """Run a command in a group of its own and send it a signal: when a line tells of `moment`, or where that is None,
    so many seconds after it could hear one. SIGINT goes to the whole group, as from a terminal."""
    before = done_runs(out)
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True)
        lines = _Lines(process)
        if number is not None and lines.wait(moment, after):
            at = time.monotonic()
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        else:
            at = None
        try:
            code = process.wait(PATIENCE if at is None else LEAVES + 20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
        seconds = None if at is None else time.monotonic() - at
        lines.join()
        assert process.stdout is not None
        process.stdout.close()
        errors.seek(0)
        said = errors.read()
    wrong = list(_left(out, before))
    if number is None or seconds is None or _was_done(code, number, seconds, lines):
        seconds = None
        wrong += [f"code {code} and {said[-200:]!r}"] if code not in (0, -(number or 0)) else []
    else:
        wrong += [f"code {code}"] if code != 128 + number else []
        wrong += [f"{seconds:.1f} s"] if seconds is not None and seconds > LEAVES else []
        what = f"lightune: {SAID[signal.Signals(number)]}."
        wrong += [f"said {said[-200:]!r}"] if said.count("\n") != 1 or not said.startswith(what) else []
    return Sent(f"{moment or 'any moment'}", seconds, lines.steps, tuple(wrong))


def _was_done(code: int, number: int, seconds: float, lines: _Lines) -> bool:
    """Whether nothing was left to do when the signal came. At its very end Python takes the handlers away, and the
    signal ends it."""
    return (code == 0 and seconds < ENDING) or (code == -number and lines.told)


def _left(out: Path, before: dict[str, str]) -> Iterator[str]:
    """What must not be left of a command that has ended."""
    after = done_runs(out)
    yield from (f"{name} was done and was done again" for name, record in before.items() if after.get(name) != record)
    for pattern in ("*.partial", "*.before", ".work", ".lock.holder"):
        yield from (f"{path} is left" for path in itertools.islice(out.rglob(pattern), 1))
    for path in out.rglob("*.json"):
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            yield f"{path} is half written"
    until = time.monotonic() + 1
    while (alive := _alive(out)) and time.monotonic() < until:
        time.sleep(0.05)
    yield from (f"process {pid} is left" for pid in alive)


def _alive(out: Path) -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                if b"lightune.worker" in words and any(word.startswith(os.fsencode(out)) for word in words):
                    found.append(folder.name)
    return found


class _Lines:
    """A command's lines of JSON, read by a thread of its own, so that it never waits for a reader."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._heard: set[str] = set()
        self._news = threading.Condition()
        self._ended = False
        self.steps: tuple[int, int] | None = None
        # Whether it has told what came of it: events are told before that, other words with it.
        self.told = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def wait(self, moment: str | None, after: float) -> bool:
        """Wait for the moment to send a signal; False where the command ended before."""
        if moment is None:
            while self._process.poll() is None and not self._hears():
                time.sleep(0.01)
            until = time.monotonic() + after
            while self._process.poll() is None and time.monotonic() < until:
                time.sleep(0.01)
            return self._process.poll() is None
        with self._news:
            self._news.wait_for(lambda: self._ended or moment in self._heard, PATIENCE)
            return moment in self._heard

    def join(self) -> None:
        """Read all."""
        self._thread.join(LEAVES)

    def _hears(self) -> bool:
        """Whether its handlers are there: Python itself takes a moment to begin."""
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{self._process.pid}/status").read_text()
            caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
            return bool(caught >> (signal.SIGTERM - 1) & 1)
        return False

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event: dict[str, Any] = {"event": "result"}
            with contextlib.suppress(ValueError):
                event = json.loads(line)
            self._hear(event)
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _hear(self, event: dict[str, Any]) -> None:
        name = str(event.get("event"))
        self.told |= name == "result"
        if event.get("phase") == "train" and event["run"]["arm"] == "lora":
            first = event["done"] if self.steps is None else self.steps[0]
            self.steps = (first, event["done"])
        with self._news:
            self._heard |= {name, f"{name} {event.get('phase')}"}
            self._news.notify_all()


def signal_verbs(study: Path, work: Path, rng: random.Random) -> list[Sent]:
    """Two signals at random moments to each of the other verbs that write, then the same command to its end."""
    texts = work / "in.csv"
    texts.write_text("text\n" + "".join(f"the plot number {at} is dull\n" for at in range(3000)), encoding="utf-8")
    given = ["--model", work / "model", "--data", work / "reviews", "--max-steps", "9", "--behaviour", "none"]
    verbs = {
        "predict": ["predict", study, "--input", texts, "--output", work / "out.csv", "--resume"],
        "export": ["export", study, "--format", "merged", "--out", work / "merged"],
        "verify": ["verify", study, "--arm", "lora"],
        "report": ["report", study],
        "search": ["search", *given, "--top-blocks", "1", "--trials", "3", "--json", "--out", work / "search"],
    }
    sent = []
    for name, asked in verbs.items():
        words = [*COMMAND, *map(str, asked)]
        out = work / "search" if name == "search" else study
        for number in (signal.SIGTERM, signal.SIGINT):
            for most in (8, 4, 2, 1, 0):  # seconds: some are done soon
                one = signalled(words, out, number, None, rng.uniform(0, most))
                half = [str(path) for path in work.glob(".*.partial")]
                sent.append(Sent(f"{name} at any moment", one.seconds, None, (*one.wrong, *half)))
                if one.seconds is not None:
                    break
                (work / "out.csv").unlink(missing_ok=True)
                for made in ("merged", "search"):
                    shutil.rmtree(work / made, ignore_errors=True)
            else:
                sent.append(Sent(f"{name} at any moment", None, None, ("it was always done before",)))
        last = signalled(words, out, None, None, 0)
        sent.append(Sent(f"{name} to its end", None, None, last.wrong))
    return sent


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    return command(__doc__, run, "1 signal instead of 50", argv)


if __name__ == "__main__":
    sys.exit(main())
