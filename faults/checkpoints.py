"""Trainings killed right after each of their writes and at random, and checkpoints with every file damaged:
`python -m faults.checkpoints [--short]`.

What goes on must end with the weights of a training that nothing met, to the bit, and no damage may be silent.
"""

from __future__ import annotations

import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from soak.table import Line, say

from faults.command import command
from faults.killed_commands import killed_commands
from faults.training import CONFIG, INTERVAL, Child, Told
from lightune.data import load_splits
from lightune.records import Splits

# One of each kind: weights beside others, ranks that move, a prompt, factors, biases, everything.
KINDS = ("lora", "adalora", "prefix-tuning", "ia3", "bitfit", "full")
# Kills in all that are to be had, beside those of commands.
KILLS = 200
DAMAGE: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "flipped": lambda path: path.write_bytes(_flipped(path.read_bytes())),
}


@dataclass
class Kills:
    """What came of them. kills: children that a SIGKILL ended. faults: what should not have been."""

    kills: int = 0
    faults: list[str] = field(default_factory=list)


def run(work: Path, short: bool = False) -> list[Line]:
    """All of it. The process must not have computed with torch: it forks."""
    splits = load_splits(CONFIG.data)
    lines = [_at_writes(work / "writes", splits, 4 if short else None)]
    at_writes = int(lines[0].seen.split()[0])
    kinds = ("lora",) if short else KINDS
    left = 1 if short else max(KILLS - at_writes, 15 * len(kinds))
    each = [left // len(kinds) + (at < left % len(kinds)) for at in range(len(kinds))]
    found = Kills()
    for arm, count in zip(kinds, each, strict=True):
        _at_random(work / arm, arm, splits, count, found)
        say(f"{arm}: {count} kills at random")
    seen = f"{found.kills} kills of {', '.join(kinds)}, {len(found.faults)} faults{_first(found.faults)}"
    lines.append(Line("checkpoints", "killed at random it goes on to the same weights", seen, not found.faults))
    lines.append(_damaged(work / "damage", splits, short))
    if not short:
        lines.append(killed_commands(work / "commands", KINDS, 10))
    return lines


def _at_writes(work: Path, splits: Splits, most: int | None) -> Line:
    """LoRA killed right after each write of an uninterrupted training, or after `most` of them."""
    whole = _uninterrupted("lora", splits, work / "whole", trace=True)
    numbers = range(len(whole.writes))
    chosen = numbers if most is None else numbers[-1 :: -max(1, len(numbers) // most)]
    found = Kills()
    for number in chosen:
        folder = work / f"at-{number}"
        child = Child("lora", splits, folder, die_at=number)
        code = child.wait()
        if code == -signal.SIGKILL:
            _go_on("lora", splits, folder, whole, child.told(), f"before {whole.writes[number]}", found)
        else:
            found.faults.append(f"write {number} was not met: {code}")
        shutil.rmtree(folder)
    seen = (
        f"{found.kills} kills, of {len(whole.writes)} writes traced, {len(found.faults)} faults{_first(found.faults)}"
    )
    return Line("checkpoints", "killed after every write it goes on to the same weights", seen, not found.faults)


def _at_random(work: Path, arm: str, splits: Splits, count: int, found: Kills) -> None:
    """`count` kills, each of a training that goes on to its end then."""
    generator = random.Random(arm)
    start = time.monotonic()
    whole = _uninterrupted(arm, splits, work / "whole")
    takes = time.monotonic() - start
    done = tries = 0
    while done < count and tries < 20 * count:
        tries += 1
        folder = work / f"random-{tries}"
        child = Child(arm, splits, folder)
        time.sleep(generator.uniform(0.2, 1.0) * takes)
        child.kill()
        if child.wait() == -signal.SIGKILL:
            done += 1
            _go_on(arm, splits, folder, whole, child.told(), "at random", found)
        shutil.rmtree(folder)
    if done < count:
        found.faults.append(f"{arm}: only {done} of {count} were killed in time")


def _go_on(arm: str, splits: Splits, folder: Path, whole: Told, killed: Told, where: str, found: Kills) -> None:
    """Let a training that was killed go on to its end, and compare."""
    found.kills += 1
    child = Child(arm, splits, folder)
    code, told = child.wait(), child.told()
    lost = max(killed.steps, default=0) - min(told.steps, default=max(killed.steps, default=0) + 1) + 1
    if code or told.digest != whole.digest:
        found.faults.append(f"{arm} killed {where}: {'other weights' if code == 0 else told.why}")
    elif told.notes:
        found.faults.append(f"{arm} killed {where}: it left something broken: {told.notes[0]}")
    elif lost > INTERVAL:
        found.faults.append(f"{arm} killed {where}: {lost} steps were lost")


def _damaged(work: Path, splits: Splits, short: bool) -> Line:
    """Every file that a LoRA training keeps, damaged in every way, one at a time. What stands beside the checkpoints is
    a note for the time that a process lives: nothing goes on from it, so nothing need be said of it."""
    whole = _uninterrupted("lora", splits, work / "whole")
    kept = work / "kept"
    writes = len(_uninterrupted("lora", splits, work / "traced", trace=True).writes)
    Child("lora", splits, kept, die_at=writes - 1).wait()
    files = sorted(path.relative_to(kept) for path in (kept / "run").rglob("*") if path.is_file())
    if short:
        newest = max(path.parent.name for path in files if path.parent.name.startswith("checkpoint-"))
        files = [path for path in files if path.parent.name == newest][:1]
    silent: list[str] = []
    for name in files:
        for what, damage in DAMAGE.items():
            folder = work / "damaged"
            shutil.copytree(kept, folder)
            damage(folder / name)
            child = Child("lora", splits, folder)
            code, told = child.wait(), child.told()
            of_checkpoint = any(part.startswith("checkpoint-") for part in name.parts)
            if (of_checkpoint and not told.notes) or code or told.digest != whole.digest:
                silent.append(f"{name} {what}: {told.why or told.notes or 'nothing was said'}")
            shutil.rmtree(folder)
    count = len(files) * len(DAMAGE)
    seen = f"{count} damages to {len(files)} files, {len(silent)} silent or fatal{_first(silent)}"
    return Line("checkpoints", "damage is named, and the weights are the same", seen, not silent and count > 0)


def _uninterrupted(arm: str, splits: Splits, folder: Path, trace: bool = False) -> Told:
    child = Child(arm, splits, folder, trace=trace)
    code, told = child.wait(), child.told()
    if code or told.digest is None:
        raise RuntimeError(f"{arm}: the training that nothing meets failed: {told.why}")
    return told


def _flipped(whole: bytes) -> bytes:
    at = len(whole) // 2
    return whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]


def _first(faults: Sequence[str]) -> str:
    return f" ({faults[0].strip().splitlines()[-1]})" if faults else ""


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    return command(__doc__, run, "a few kills of LoRA, and a few damages", argv)


if __name__ == "__main__":
    sys.exit(main())
