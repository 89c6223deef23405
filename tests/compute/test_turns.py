"""One process at a time: what is waited for is told, and no lock is held where there can be none."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock, Timeout

from lightune.compute import FeatureCache, feature_cache, state_cache
from lightune.compute.state_cache import FLOAT32, Filled, StateCache
from lightune.compute.turns import held, in_turn
from tests.compute.test_feature_cache import IDS, Model


class Busy(FileLock):
    """A lock that another one holds when it is asked for first."""

    def acquire(self, timeout: float | None = None, **options: Any) -> Any:
        if timeout == 0:
            raise Timeout(self.lock_file)
        return super().acquire(**options)


def test_the_seconds_waited_are_told_and_none_where_nobody_holds_it(tmp_path: Path) -> None:
    with held(Busy(tmp_path / "lock")) as waited:
        assert waited > 0.0
    with held(FileLock(tmp_path / "lock")) as waited:
        assert waited == 0.0


def test_where_nothing_can_be_locked_nothing_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", none)
    with in_turn(tmp_path / "lock") as one, in_turn(tmp_path / "lock") as other:  # neither waits for the other
        assert (one, other) == (0.0, 0.0)


@contextmanager
def long_held(*_: object) -> Iterator[float]:
    yield 1000.0


def test_caches_tell_what_they_have_waited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_cache, "in_turn", long_held)
    cache = FeatureCache(tmp_path, "key")
    cache.get(IDS, Model())
    assert cache.waited == 1000.0
    cache.get(IDS, Model())  # they are there, and nobody is waited for
    assert cache.waited == 1000.0
    monkeypatch.setattr(state_cache, "held", long_held)
    states = StateCache(tmp_path, "key", 4, FLOAT32, 10**6)
    filled = states.fill([], lambda _: [torch.zeros(0)])
    assert filled == Filled(0, 0, 0, waited=1000.0)
    assert (filled + filled).waited == 2000.0
