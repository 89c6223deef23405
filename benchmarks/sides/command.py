"""How long a command takes from its start to its end."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from benchmarks.common.serve import Session


def run(spec: dict[str, Any], session: Session) -> None:
    """spec: arguments of this environment's Python. Raises CalledProcessError where it fails."""

    def call() -> None:
        subprocess.run([sys.executable, *spec["arguments"]], stdout=subprocess.DEVNULL, check=True)

    call()  # files are in the machine's memory then
    session.turns(call)
