"""One process at a time computes what several want, and the others find it kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from filelock import FileLock, Timeout


@contextmanager
def in_turn(path: Path) -> Iterator[float]:
    """Hold the lock at `path`, waiting for who else holds it, and make its folder. Gives the seconds waited.

    Where no file can be made or locked there, hold nothing: what it guards is kept nowhere then, or done twice at
    worst.
    """
    lock, start, waited = FileLock(path), perf_counter(), 0.0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            lock.acquire()
            waited = perf_counter() - start
    except (OSError, NotImplementedError):
        yield 0.0
        return
    try:
        yield waited
    finally:
        lock.release()
