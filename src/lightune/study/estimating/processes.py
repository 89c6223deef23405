"""A rehearsal in a new process, as the run to come will be: its memory is its own, and its crash is nobody else's."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from lightune.records import from_json, to_json
from lightune.study.estimating.rehearsal import Rehearsal, RehearsalSpec
from lightune.study.executors import worker_environment


class Rehearse(Protocol):
    """Does a rehearsal; never raises for what happens inside it."""

    def __call__(self, spec: RehearsalSpec) -> Rehearsal:
        """Do it."""
        ...


def in_new_process(spec: RehearsalSpec) -> Rehearsal:
    """Rehearse in a process of its own, which goes when this one does."""
    folder = Path(spec.scratch)
    folder.mkdir(parents=True)
    asked, answer = folder / "spec.json", folder / "answer.json"
    asked.write_text(json.dumps(to_json(spec)), encoding="utf-8")
    command = [sys.executable, "-P", "-m", "lightune.worker", "--rehearse", str(asked), str(answer)]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=worker_environment()) as process,
    ):
        try:
            code = process.wait()
        except BaseException:
            process.kill()
            raise
    if answer.exists():
        found: Rehearsal = from_json(Rehearsal, json.loads(answer.read_text(encoding="utf-8")))
        return found
    if code == -signal.SIGKILL:
        return Rehearsal(reason="Its rehearsal was killed, most likely because the machine ran out of memory.")
    return Rehearsal(reason=f"Its rehearsal left with code {code}.")
