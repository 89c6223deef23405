"""Environments of peers that cannot share lightune's: made on demand, each from its own pinned requirements.

`python -m benchmarks.environments` makes them all; commands make what they need.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.common.setting import parser
from benchmarks.common.turns import say

REQUIREMENTS = Path(__file__).with_name("requirements")
NAMES = ("onnxruntime", "openvino")
# Comes with optimum-intel, is of no use for texts, and where torch is the build for CPUs its own build does not fit.
UNWANTED = "torchvision"


class NoEnvironment(Exception):
    """An environment that could not be made; the message says why in a line."""


def python_of(name: str, work: Path) -> str:
    """The Python of the environment `name` below `work`, made where it is not there or its requirements have changed.

    Raises NoEnvironment where pip fails, without a network for instance.
    """
    wanted = REQUIREMENTS / f"{name}.txt"
    folder = work / "environments" / f"{name}-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if (folder / "whole").exists():
        return str(python)
    say(f"making the environment {name}: {folder}")
    shutil.rmtree(folder, ignore_errors=True)
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    try:
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            [*pip, "install", "-r", str(wanted)],
            [*pip, "uninstall", "--yes", UNWANTED],
        ):
            subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        last = (error.stderr or error.stdout or "").strip().splitlines()[-1:]
        raise NoEnvironment(f"its environment could not be made ({' '.join(last)})") from error
    (folder / "whole").touch()
    return str(python)


def main() -> None:
    """Make them all."""
    options = parser(__doc__ or "").parse_args()
    for name in NAMES:
        print(python_of(name, options.work.resolve()))


if __name__ == "__main__":
    main()
