"""Hidden states on disk: what went in comes out, once for each text, within the bound, and nothing that was harmed."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections import namedtuple
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from numpy.typing import NDArray
from torch import Tensor

from lightune.compute import state_cache
from lightune.compute.state_cache import BFLOAT16, FLOAT32, Filled, StateCache

WIDTH = 8
TEXTS = [np.arange(start, start + length, dtype=np.int32) for start, length in ((3, 5), (9, 2), (40, 7), (3, 4))]
TOKEN_BYTES = WIDTH * 4
Ids = NDArray[np.int32]


def states_of(ids: Ids) -> Tensor:
    """Some states that only this text has."""
    generator = torch.Generator().manual_seed(int(ids.sum()) + len(ids))
    return torch.randn((len(ids), WIDTH), generator=generator)


class Compute:
    """Remembers what was asked for."""

    def __init__(self, texts: Sequence[Ids]) -> None:
        self.texts = texts
        self.asked: list[int] = []

    def __call__(self, batch: list[int]) -> list[Tensor]:
        self.asked += batch
        return [states_of(self.texts[at]) for at in batch]


def cache_in(folder: Path, key: str = "k", dtype: str = FLOAT32, limit: int = 10**6) -> StateCache:
    return StateCache(folder, key, WIDTH, dtype, limit)


def filled(folder: Path, texts: Sequence[Ids] = TEXTS) -> tuple[StateCache, Filled, list[int]]:
    cache, compute = cache_in(folder), Compute(texts)
    return cache, cache.fill(texts, compute), sorted(compute.asked)


def assert_holds(cache: StateCache, texts: Sequence[Ids] = TEXTS) -> None:
    for ids in texts:
        found = cache.get(ids)
        assert found is not None
        assert torch.equal(found, states_of(ids))


def test_states_come_back_to_the_bit_and_are_computed_once(tmp_path: Path) -> None:
    cache, what, asked = filled(tmp_path, [*TEXTS, TEXTS[0].copy()])
    assert what == Filled(kept=0, computed=4, beyond=0)
    assert asked == [0, 1, 2, 3]
    assert_holds(cache)
    assert cache.get(np.asarray([1, 2], dtype=np.int32)) is None
    again, what, asked = filled(tmp_path)
    assert (what, asked) == (Filled(4, 0, 0), [])
    assert_holds(again)


def test_more_texts_come_to_those_that_are_there(tmp_path: Path) -> None:
    filled(tmp_path, TEXTS[:2])
    cache, what, asked = filled(tmp_path)
    assert (what, asked) == (Filled(2, 2, 0), [2, 3])
    assert_holds(cache)


def test_a_cache_that_is_open_sees_what_another_one_has_written(tmp_path: Path) -> None:
    early, _, _ = filled(tmp_path, TEXTS[:2])
    filled(tmp_path, TEXTS[2:])
    compute = Compute(TEXTS)
    assert early.fill(TEXTS, compute) == Filled(4, 0, 0)
    assert compute.asked == []
    assert_holds(early)


def test_another_key_is_another_cache(tmp_path: Path) -> None:
    filled(tmp_path)
    compute = Compute(TEXTS)
    assert cache_in(tmp_path, "other").fill(TEXTS, compute).computed == 4
    assert cache_in(tmp_path, dtype=BFLOAT16).fill(TEXTS, compute).computed == 4


def test_bfloat16_is_half_as_large_and_rounded(tmp_path: Path) -> None:
    cache = cache_in(tmp_path, dtype=BFLOAT16)
    cache.fill(TEXTS, Compute(TEXTS))
    found, exact = cache.get(TEXTS[0]), states_of(TEXTS[0])
    assert found is not None
    assert found.dtype == torch.float32
    assert torch.equal(found, exact.bfloat16().float())
    assert not torch.equal(found, exact)
    tokens = sum(len(ids) for ids in TEXTS)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.states")) == tokens * WIDTH * 2


def test_many_shards_are_one_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_cache, "SHARD_BYTES", 6 * TOKEN_BYTES)
    filled(tmp_path)
    assert len(list(tmp_path.rglob("*.states"))) > 1
    cache, what, _ = filled(tmp_path)
    assert what == Filled(4, 0, 0)
    assert_holds(cache)


def test_the_bound_holds_for_all_keys_together(tmp_path: Path) -> None:
    cache = cache_in(tmp_path, limit=8 * TOKEN_BYTES)
    what = cache.fill(TEXTS, Compute(TEXTS))
    assert what == Filled(kept=0, computed=1, beyond=3)  # the longest first
    assert cache.get(TEXTS[0]) is None
    assert_holds(cache, TEXTS[2:3])
    with FileLock(cache.folder / state_cache.LOCK):  # somebody fills it
        other = cache_in(tmp_path, "other", limit=8 * TOKEN_BYTES)
        assert other.fill(TEXTS, Compute(TEXTS)).computed == 0


def test_the_cache_that_was_used_longest_ago_makes_room(tmp_path: Path) -> None:
    old, newer = (cache_in(tmp_path, key) for key in ("old", "newer"))
    for cache in (old, newer):
        cache.fill(TEXTS, Compute(TEXTS))
    size = sum(path.stat().st_size for path in old.folder.iterdir())
    os.utime(newer.folder, (1, 1))
    os.utime(old.folder, (0, 0))
    third = cache_in(tmp_path, "third", limit=2 * size + TOKEN_BYTES)
    assert third.fill(TEXTS, Compute(TEXTS)) == Filled(kept=0, computed=4, beyond=0)
    assert list(old.folder.glob("*.states")) == []
    assert len(list(newer.folder.glob("*.states"))) == 1
    assert_holds(newer)
    assert_holds(old)  # It had them mapped.


def test_a_cache_that_is_used_is_not_the_oldest(tmp_path: Path) -> None:
    cache = filled(tmp_path)[0]
    os.utime(cache.folder, (0, 0))
    assert filled(tmp_path)[1].computed == 0
    assert cache.folder.stat().st_mtime > 0


@pytest.mark.parametrize("limit", [0, 3 * TOKEN_BYTES])
def test_a_cache_with_little_room_takes_none_from_others_for_nothing(tmp_path: Path, limit: int) -> None:
    cache = filled(tmp_path)[0]
    nothing = cache_in(tmp_path, "other", limit=limit).fill([], Compute([]))
    assert nothing == Filled(0, 0, 0)
    assert len(list(cache.folder.glob("*.states"))) == 1
    if limit == 0:
        assert cache_in(tmp_path, "other", limit=0).fill(TEXTS, Compute(TEXTS)).computed == 0
        assert len(list(cache.folder.glob("*.states"))) == 1


def test_a_cache_that_has_filled_the_bound_takes_none_from_others(tmp_path: Path) -> None:
    other = filled(tmp_path)[0]
    own = cache_in(tmp_path, "own", limit=10**9)
    own.fill(TEXTS, Compute(TEXTS))
    full = sum(path.stat().st_size for path in own.folder.iterdir())
    more = [*TEXTS, np.arange(7, dtype=np.int32)]
    assert cache_in(tmp_path, "own", limit=full).fill(more, Compute(more)) == Filled(kept=4, computed=0, beyond=1)
    assert len(list(other.folder.glob("*.states"))) == 1


def test_no_further_cache_goes_where_the_first_made_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("one", "two"):
        cache_in(tmp_path, key).fill(TEXTS, Compute(TEXTS))
    # As where processes have them mapped: the disk gets nothing back.
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 0, 0))
    assert cache_in(tmp_path, "third").fill(TEXTS, Compute(TEXTS)).computed == 0
    assert len(list(tmp_path.rglob("*.states"))) == 1


def test_a_cache_that_another_process_takes_away_meanwhile_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("one", "two"):
        cache_in(tmp_path, key, limit=20 * TOKEN_BYTES).fill(TEXTS, Compute(TEXTS))
    real, gone = Path.glob, tmp_path / f"{state_cache.PREFIX}gone"
    monkeypatch.setattr(
        Path,
        "glob",
        lambda self, pattern: [*([gone] if pattern == f"{state_cache.PREFIX}*" else []), *real(self, pattern)],
    )
    third = cache_in(tmp_path, "third", limit=20 * TOKEN_BYTES)
    assert third.fill(TEXTS, Compute(TEXTS)).beyond == 0
    assert_holds(third)


def test_no_more_than_half_of_what_is_free_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 0, 2 * 8 * TOKEN_BYTES))
    assert cache_in(tmp_path).fill(TEXTS, Compute(TEXTS)).computed == 1


def test_a_disk_that_takes_no_more_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state_cache, "keep_arrays", full)
    cache = cache_in(tmp_path)
    assert cache.fill(TEXTS, Compute(TEXTS)) == Filled(0, 0, 4, "No space left on device")
    assert cache.get(TEXTS[0]) is None


def harm(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(bytes(content))


def test_a_text_whose_states_were_harmed_is_computed_anew(tmp_path: Path) -> None:
    filled(tmp_path)
    harm(next(tmp_path.rglob("*.states")), 3)  # of the longest text, which is written first
    assert cache_in(tmp_path).get(TEXTS[2]) is None
    cache, what, asked = filled(tmp_path)
    assert (what, asked) == (Filled(3, 1, 0), [2])
    assert_holds(cache)
    assert_holds(filled(tmp_path)[0])


@pytest.mark.parametrize("ending", [".index", ".states"])
@pytest.mark.parametrize("how", ["harmed", "cut", "gone"])
def test_a_shard_that_is_damaged_counts_as_none(tmp_path: Path, ending: str, how: str) -> None:
    filled(tmp_path)
    path = next(tmp_path.rglob(f"*{ending}"))
    if how == "harmed" and ending == ".index":
        harm(path, 50)
    elif how == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-8])
    cache, what, _ = filled(tmp_path)
    assert what == Filled(0, 4, 0)
    assert_holds(cache)


def test_what_a_process_that_was_cut_off_left_is_removed(tmp_path: Path) -> None:
    class Cut(Exception):
        pass

    def cut(batch: list[int]) -> list[Tensor]:
        raise Cut

    with pytest.raises(Cut):
        cache_in(tmp_path).fill(TEXTS, cut)
    folder = next(tmp_path.iterdir())
    (folder / ".0.states.1.2.partial").write_bytes(b"half")
    (folder / "7.states").write_bytes(b"no index came")
    cache, what, _ = filled(tmp_path)
    assert what.computed == 4
    assert_holds(cache)
    assert sorted(path.name for path in folder.iterdir() if path.name != ".lock") == ["0.index", "0.states"]


def _fill_slowly(folder: str, counts: str) -> None:
    compute = Compute(TEXTS)
    cache = cache_in(Path(folder))
    cache.fill(TEXTS, compute)
    assert_holds(cache)
    with Path(counts).open("a") as handle:
        handle.write("x" * len(compute.asked))


@pytest.mark.full
def test_processes_that_fill_at_once_compute_each_text_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    arguments = (str(tmp_path / "cache"), str(tmp_path / "counts"))
    workers = [context.Process(target=_fill_slowly, args=arguments) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert (tmp_path / "counts").read_text() == "x" * 4


def test_what_another_has_filled_can_be_looked_at_without_a_change(tmp_path):
    StateCache(tmp_path, "key", WIDTH, FLOAT32, 10**6).fill(TEXTS[:2], Compute(TEXTS[:2]))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    other = StateCache(tmp_path, "key", WIDTH, FLOAT32, 10**6)
    assert other.look(TEXTS[:3]) == Filled(2, 0, 1)
    assert torch.equal(other.get(TEXTS[1]), states_of(TEXTS[1]))
    assert other.get(TEXTS[2]) is None
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert StateCache(tmp_path / "none", "key", WIDTH, FLOAT32, 10**6).look(TEXTS) == Filled(0, 0, len(TEXTS))
    assert not (tmp_path / "none").exists()
