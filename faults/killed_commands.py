"""Trainings of `lightune study`, with its worker processes, killed at random steps until they are done."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from soak.table import Line, say

STEPS, INTERVAL = 40, 4
WORDS = (
    *("--model", "embedded", "--data", "embedded", "--train-size", "64", "--validation-size", "20"),
    *("--test-size", "20", "--max-length", "16", "--max-steps", str(STEPS), "--evaluations", str(STEPS // INTERVAL)),
    *("--patience", "0", "--learning-rate", "1e-3", "--behaviour", "none", "--json"),
)
# Uninterrupted runs until one is computed as the killed one was: what is faster is measured by each process.
TRIES = 5


def killed_commands(work: Path, arms: tuple[str, ...], kills: int) -> Line:
    """`kills` kills of each arm's study; each goes on in the same folder, and is done in the end."""
    faults: list[str] = []
    done = 0
    for arm in arms:
        found = _kill(arm, work / arm / "killed", kills)
        done += found
        if found < kills:
            faults.append(f"{arm}: only {found} of {kills} kills")
        try:
            same = _same(arm, work / arm)
        except (OSError, ValueError, KeyError) as error:
            faults.append(f"{arm}: it was not done in the end ({type(error).__name__}: {error})")
        else:
            if not same:
                faults.append(f"{arm}: other weights, or never computed alike")
        say(f"{arm}: {found} kills of the command")
    seen = f"{done} kills of {', '.join(arms)}, {len(faults)} faults{f' ({faults[0]})' if faults else ''}"
    return Line("checkpoints", "a killed `lightune study` goes on to the same artefact", seen, not faults)


def _kill(arm: str, out: Path, kills: int) -> int:
    """Kill the command and its worker after a step or two that it did, again and again; then let it come to its end."""
    generator = random.Random(arm)
    done = 0
    # Each life gets past a checkpoint at most, so that all of them have something left to do.
    for _ in range(kills):
        with _started(arm, out) as process:
            assert process.stdout is not None
            wait = generator.randint(1, INTERVAL)
            for line in process.stdout:
                event = json.loads(line)
                wait -= event.get("phase") == "train" and event.get("done", 0) > 0
                if wait <= 0:
                    os.killpg(process.pid, signal.SIGKILL)
                    break
            done += process.wait() == -signal.SIGKILL
    with _started(arm, out) as process:
        process.communicate()
    return done


def _same(arm: str, folder: Path) -> bool:
    """Whether the artefact has the weights of one that nothing met and that was computed alike."""
    killed = folder / "killed"
    for number in range(TRIES):
        whole = folder / f"whole-{number}"
        with _started(arm, whole) as process:
            process.communicate()
        if _plan(whole) == _plan(killed):
            return _weights(whole / "arms" / arm) == _weights(killed / "arms" / arm)
    return False


def _started(arm: str, out: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "lightune", "study", *WORDS, "--arms", arm, "--out", str(out)]
    return subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8", start_new_session=True
    )


def _plan(out: Path) -> dict[str, Any]:
    (record,) = out.glob("runs/*/record.json")
    plan = dict(json.loads(record.read_text(encoding="utf-8"))["training"]["plan"])
    return {name: value for name, value in plan.items() if name != "reasons"}


def _weights(artifact: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(artifact.glob("*.safetensors"))}
