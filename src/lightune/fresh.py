"""Functions called in a process that has never seen what they are about: what comes back from disk there came from
disk, not from memory.

`python -m lightune.fresh MODULE…` is a server: it imports what its tasks need once, computes nothing itself, and forks
a child for each call, which so begins in milliseconds. It ends when the process that started it goes, however that
ends, and takes the child with it. Where a system cannot fork, each call starts a Python of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from pathlib import Path
from typing import Any

from lightune.errors import RunError
from lightune.signals import leave

PRELOADED = ("transformers", "peft", "lightune.inference")


class FreshProcesses:
    """Calls functions by name, each in a new process, with the same libraries and nothing else in memory."""

    def __init__(self, preload: tuple[str, ...]) -> None:
        self._lock = threading.Lock()
        self._server = subprocess.Popen(
            [sys.executable, "-P", "-m", "lightune.fresh", *preload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            # A group of its own, so that all of it can be ended at once.
            start_new_session=True,
        )

    def call(self, task: str, **arguments: Any) -> Any:
        """Call `module:function` with keyword arguments of plain JSON and return its answer, plain JSON too. Of two
        threads that call, one waits.

        Raises RunError with the error that it raised, or when its process ended otherwise.
        """
        with self._lock, tempfile.TemporaryDirectory() as folder:
            answer = Path(folder) / "answer.json"
            job = {"task": task, "arguments": arguments, "answer": str(answer), "path": sys.path}
            self._ask(json.dumps(job))
            if not answer.exists():
                raise RunError("The process that checks what was saved ended before it had answered.")
            found = json.loads(answer.read_text(encoding="utf-8"))
        if "error" in found:
            raise RunError(str(found["error"]))
        return found["value"]

    @property
    def running(self) -> bool:
        """Whether the server is there to be called."""
        return self._server.poll() is None

    def close(self) -> None:
        """End the server, and with it what it is at."""
        if hasattr(os, "killpg"):
            # Though the server may be gone already: what it was at is still of its group.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._server.pid, signal.SIGKILL)
        else:
            self._server.kill()
        for stream in (self._server.stdin, self._server.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()
        self._server.wait()

    def _ask(self, job: str) -> None:
        """Hand over a job and wait until its process has ended. Raises RunError where the server ends too."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        try:
            self._server.stdin.write(job + "\n")
            self._server.stdin.flush()
            heard = self._server.stdout.readline()
        except (OSError, ValueError) as error:
            self.close()
            raise RunError(f"The process that checks what was saved is gone ({error}).") from error
        except BaseException:
            # Interrupted: its answer would come in the middle of the next call.
            self.close()
            raise
        if not heard:
            self.close()
            raise RunError("The process that checks what was saved is gone: it was killed, or could not begin.")


_shared: FreshProcesses | None = None


def fresh_processes() -> FreshProcesses:
    """Return this process's server; the first call starts it, and the libraries load while other work goes on."""
    global _shared
    if _shared is None or not _shared.running:
        if _shared is not None:
            _shared.close()
            atexit.unregister(_shared.close)
        _shared = FreshProcesses(PRELOADED)
        atexit.register(_shared.close)
    return _shared


def main(modules: list[str]) -> int:
    """Serve calls from standard input, one JSON line each, until it closes."""
    if modules[:1] == ["--once"]:
        _answer(json.loads(sys.stdin.readline()))
        return 0
    # Whatever a library prints, here or in a child, is not to be taken for a call's end.
    told = os.dup(sys.stdout.fileno())
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    forks = hasattr(os, "fork")
    for name in modules if forks else ():
        importlib.import_module(name)
    for line in iter(sys.stdin.readline, ""):
        if forks:
            if not _forked(line, told):
                return 1
        else:
            subprocess.run([sys.executable, "-P", "-m", "lightune.fresh", "--once"], input=line, text=True, check=False)
        os.write(told, b"done\n")
    return 0


def _forked(line: str, told: int) -> bool:
    """Answer in a child. False where whoever asked is gone: nobody waits for the answer, and the child is ended."""
    ended, alive = os.pipe()
    child = os.fork()
    if child == 0:
        # A child that is asked to stop, or trips, must not go on to serve.
        try:
            for descriptor in (told, ended):
                os.close(descriptor)
            _answer(json.loads(line))
        finally:
            os._exit(0)
    os.close(alive)
    # The child's end closes its side of the pipe. Nothing is asked while it works, so that standard input speaks up
    # only when it closes.
    ready, _, _ = select.select([ended, sys.stdin.fileno()], [], [])
    if ended not in ready:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(ended)
    return ended in ready


def _answer(job: dict[str, Any]) -> None:
    warnings.simplefilter("ignore")
    # What the caller can import, as a package beside its script.
    sys.path[:] = [*job["path"], *(path for path in sys.path if path not in job["path"])]
    try:
        module, _, name = job["task"].partition(":")
        found = {"value": getattr(importlib.import_module(module), name)(**job["arguments"])}
        said = json.dumps(found)
    except BaseException as error:
        # Whatever it was, the one who asked is to hear of it.
        traceback.print_exc()
        said = json.dumps({"error": str(error) or type(error).__name__})
    scratch = Path(job["answer"] + ".partial")
    scratch.write_text(said, encoding="utf-8")
    os.replace(scratch, job["answer"])


if __name__ == "__main__":
    leave(main(sys.argv[1:]))  # who asked is gone, and is not to be outlived by seconds
