"""Turn by turn: A B A B, so that whatever the machine does meanwhile meets both."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks.common.records import Peer, Side
from benchmarks.common.worker import SideFailed, Worker

# The line of a traceback that says what went wrong; some libraries write advice below it.
NAMES_AN_ERROR = re.compile(r"[\w.]*(Error|Exception|Interrupt|Exit)\b")


@dataclass(frozen=True)
class Entry:
    """A side to be started. module: below benchmarks/sides. python: of its environment; None: this one. absent: why it
    cannot be started at all."""

    name: str
    title: str
    module: str
    spec: Mapping[str, Any]
    env: Mapping[str, str]
    python: str | None = None
    absent: str | None = None


@dataclass(frozen=True)
class Taken:
    """The sides by name, those that could not run by name with the reason, and the peak of each turn, GFLOP/s."""

    sides: Mapping[str, Side]
    absent: Mapping[str, str]
    peak: tuple[float, ...]
    peak_facts: Mapping[str, Any]

    def peer(self, entry: Entry) -> Peer:
        """The side of `entry`, or why there is none."""
        return Peer(self.sides.get(entry.name), entry.title, self.absent.get(entry.name))


def take_turns(entries: Sequence[Entry], turns: int, log: Any, peak: Entry | None = None) -> Taken:
    """Start every side, warm it up, and let each do a turn in their order, `turns` times over.

    log: side's name -> the file for what it prints. A peer that fails is reported and left out; if the first entry,
    which is ours, fails, SideFailed is raised.
    """
    workers: dict[str, Worker] = {}
    absent: dict[str, str] = {}
    with ExitStack() as stack:
        for entry in entries:
            if entry.absent is not None:
                absent[entry.name] = entry.absent
                continue
            say(f"  starting {entry.title}")
            try:
                python = {} if entry.python is None else {"python": entry.python}
                worker = Worker(entry.module, entry.spec, entry.env, log(entry.name), **python)
            except SideFailed as error:
                if entry is entries[0]:
                    raise
                absent[entry.name] = why(error)
                continue
            workers[entry.name] = stack.enter_context(worker)
        meter = None
        if peak is not None:
            meter = stack.enter_context(Worker(peak.module, peak.spec, peak.env, log(peak.name)))
        answers, levels = _rounds(workers, turns, meter, entries[0].name, absent)
        setups = {name: worker.setup_seconds for name, worker in workers.items()}
        facts = {name: worker.facts for name, worker in workers.items()}
    titles = {entry.name: entry.title for entry in entries}
    sides = {
        name: Side(
            name, titles[name], tuple(float(one["seconds"]) for one in said), setups[name], _facts(facts[name], said)
        )
        for name, said in answers.items()
        if name not in absent
    }
    return Taken(sides, absent, tuple(level["gflops"] for level in levels), levels[-1] if levels else {})


def say(line: str) -> None:
    """Tell people what is going on; the table alone goes to standard output."""
    print(line, file=sys.stderr, flush=True)


def _rounds(
    workers: Mapping[str, Worker], turns: int, meter: Worker | None, own: str, absent: dict[str, str]
) -> tuple[dict[str, list[dict[str, Any]]], list[dict[str, Any]]]:
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in workers}
    levels: list[dict[str, Any]] = []
    for turn in range(turns):
        if meter is not None:
            levels.append(meter.turn())
        for name, worker in workers.items():
            if name in absent:
                continue
            try:
                answers[name].append(worker.turn())
            except SideFailed as error:
                if name == own:
                    raise
                absent[name] = why(error)
        taken = ", ".join(f"{name} {said[-1]['seconds']:.2f} s" for name, said in answers.items() if len(said) > turn)
        say(f"  turn {turn + 1} of {turns}: {taken}")
    return answers, levels


def _facts(first: Mapping[str, Any], said: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a side said when it was ready, and after its last turn."""
    return {**first, **{name: value for name, value in said[-1].items() if name != "seconds"}} if said else dict(first)


def why(error: SideFailed) -> str:
    """How it ended, and the last error that its log names, or else the log's last line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if len(lines) == 1:
        return lines[0]
    named = [line for line in lines[1:] if NAMES_AN_ERROR.match(line)]
    return f"{lines[0].split('. ')[0]}: {(named or lines)[-1]}"
