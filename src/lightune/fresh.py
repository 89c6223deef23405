"""Functions called in a process that has never seen what they are about: what comes back from disk there came from
disk, not from memory.

`python -m lightune.fresh MODULE…` is a server: it imports what its tasks need once, computes nothing itself, and forks
a child for each call, which so begins in milliseconds. It ends when the process that started it goes. Where a system
cannot fork, each call starts a Python of its own.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import subprocess
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import Any

from lightune.errors import RunError

PRELOADED = ("transformers", "peft", "lightune.inference")


class FreshProcesses:
    """Calls functions by name, each in a new process, with the same libraries and nothing else in memory."""

    def __init__(self, preload: tuple[str, ...] = PRELOADED) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-P", "-m", "lightune.fresh", *preload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )

    def call(self, task: str, **arguments: Any) -> Any:
        """Call `module:function` with keyword arguments of plain JSON and return its answer, plain JSON too.

        Raises RunError with the error that it raised, or when its process ended otherwise.
        """
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            answer = Path(folder) / "answer.json"
            job = json.dumps({"task": task, "arguments": arguments, "answer": str(answer), "path": sys.path})
            try:
                self._server.stdin.write(job + "\n")
                self._server.stdin.flush()
                self._server.stdout.readline()
            except OSError as error:
                raise RunError(f"The process that checks what was saved is gone ({error}).") from error
            if not answer.exists():
                raise RunError("The process that checks what was saved ended before it had answered.")
            found = json.loads(answer.read_text(encoding="utf-8"))
        if "error" in found:
            raise RunError(str(found["error"]))
        return found["value"]

    def close(self) -> None:
        """End the server."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait()


_shared: FreshProcesses | None = None


def fresh_processes() -> FreshProcesses:
    """Return this process's server; the first call starts it, and the libraries load while other work goes on."""
    global _shared
    if _shared is None or _shared._server.poll() is not None:
        _shared = FreshProcesses()
        atexit.register(_shared.close)
    return _shared


def main(modules: list[str]) -> int:
    """Serve calls from standard input, one JSON line each, until it closes."""
    if modules[:1] == ["--once"]:
        _answer(json.loads(sys.stdin.readline()))
        return 0
    if hasattr(os, "fork"):
        for name in modules:
            importlib.import_module(name)
    for line in sys.stdin:
        if hasattr(os, "fork"):
            child = os.fork()
            if child == 0:
                # A child that is asked to stop, or trips, must not go on to serve.
                try:
                    _answer(json.loads(line))
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
        else:
            subprocess.run([sys.executable, "-P", "-m", "lightune.fresh", "--once"], input=line, text=True, check=False)
        print("done", flush=True)  # noqa: T201
    return 0


def _answer(job: dict[str, Any]) -> None:
    warnings.simplefilter("ignore")
    sys.path[:] = job["path"]  # what the caller can import, as a package beside its script
    try:
        module, _, name = job["task"].partition(":")
        found = {"value": getattr(importlib.import_module(module), name)(**job["arguments"])}
    except BaseException as error:
        # Whatever it was, the one who asked is to hear of it.
        traceback.print_exc()
        found = {"error": f"{type(error).__name__}: {error}" if not str(error) else str(error)}
    scratch = Path(job["answer"] + ".partial")
    scratch.write_text(json.dumps(found), encoding="utf-8")
    os.replace(scratch, job["answer"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
