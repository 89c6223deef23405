"""One process at a time computes what several want, and the others find it kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter

from filelock import BaseFileLock, FileLock, Timeout


@contextmanager
def in_turn(path: Path) -> Iterator[float]:
    """Hold the lock at `path`, waiting for who else holds it, and make its folder. Gives the seconds waited.

    Where no file can be made or locked there, hold nothing: what it guards is kept nowhere then, or done twice at
    worst.
    """
    # A file that only stands for a lock would outlive a process that is killed, and be waited for.
    lock = FileLock(path, fallback_to_soft=False)
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            waited = stack.enter_context(held(lock))
        except (OSError, NotImplementedError):  # a read-only or full disk, or a file system without locks
            waited = 0.0
        yield waited


@contextmanager
def held(lock: BaseFileLock) -> Iterator[float]:
    """Hold the lock, waiting for who else holds it. Gives the seconds waited. Raises what filelock does where nothing
    can be locked."""
    start, waited = perf_counter(), 0.0
    try:
        lock.acquire(timeout=0)
    except Timeout:
        lock.acquire()
        waited = perf_counter() - start
    try:
        yield waited
    finally:
        lock.release()
