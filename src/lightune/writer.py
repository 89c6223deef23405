"""One writer at a time: a lock of the kernel's, free again once its holder has ended, however that was; and who it is.

Who holds it stands in a file beside the lock. That file is for people: whether the lock is held is for the kernel alone
to say, so one that a killed process left behind keeps nobody out.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lightune.errors import ConfigError
from lightune.whole import lives, whole_file

# Who takes a lock needs a moment to write who it is.
LOOKS, PAUSE = 25, 0.02


class Held(Exception):
    """Another process, or another thread of this one, holds the lock. Its message names it."""


class WriterLock:
    """The lock at `path`, whose folder exists. Not to be taken twice."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.holder = path.with_name(f"{path.name}.holder")
        self._lock = FileLock(path)

    def take(self) -> None:
        """Take it at once. Raises Held, and OSError where nothing can be written there."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise Held(self._who()) from error
        try:
            # What cannot be written or removed must not keep anybody from going on.
            with contextlib.suppress(OSError):
                self._sweep()
            with contextlib.suppress(OSError):
                self._tell()
        except BaseException:
            self._lock.release()
            raise

    def release(self, *, remove: bool = False) -> None:
        """Let others have it. remove: take its files away; who waited for them makes new ones."""
        with contextlib.suppress(OSError):
            self.holder.unlink(missing_ok=True)
        if remove:
            with contextlib.suppress(OSError):
                self.path.unlink()
        self._lock.release()

    def _sweep(self) -> None:
        """Remove what holders that were killed have left half written: who has the lock is the only one to write it."""
        for path in self.path.parent.iterdir():
            if path.name.startswith(f".{self.holder.name}.") and path.name.endswith(".partial"):
                path.unlink(missing_ok=True)

    def _tell(self) -> None:
        words = [Path(sys.argv[0] if sys.argv else "").name, *sys.argv[1:2]]
        if words[0] == "__main__.py":
            words[0] = "lightune"
        facts = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            # Without its options, which may hold what is nobody's business.
            "command": " ".join(word for word in words if word and not word.startswith("-"))[:80],
            "since": datetime.now().astimezone().isoformat(sep=" ", timespec="seconds"),
        }
        with whole_file(self.holder, lasting=False) as scratch:
            scratch.write_text(json.dumps(facts), encoding="utf-8")

    def _who(self) -> str:
        """Words for the process that holds it."""
        for _ in range(LOOKS):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
                facts = json.loads(self.holder.read_text(encoding="utf-8"))
                here = facts["host"] == socket.gethostname()
                if not here or lives(int(facts["pid"])):
                    where = "" if here else f" on {facts['host']}"
                    what = f"{facts['command']}, " if facts["command"] else ""
                    return f"process {facts['pid']}{where} ({what}since {facts['since']})"
            time.sleep(PAUSE)
        return "another process"


@contextmanager
def only_writer(path: Path, refusal: Callable[[str], str], *, remove: bool = False) -> Iterator[None]:
    """Hold the lock at `path`. Raises ConfigError with what `refusal` makes of who else holds it.

    remove: take the file of the lock away afterwards.
    """
    lock = WriterLock(path)
    try:
        lock.take()
    except Held as held:
        raise ConfigError(refusal(str(held))) from held
    try:
        yield
    finally:
        lock.release(remove=remove)
