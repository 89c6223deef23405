"""Hidden states of texts on disk: memory-mapped, found by a text's token ids, bounded in bytes.

A folder of shards. A shard is a flat file of states [tokens, width] and an index beside it: for each text the hash of
its ids, where its states begin, how many tokens it has, and a checksum of its states. The file of states takes its
place first, the index last, so what a process that was cut off left behind is no shard. What is damaged counts as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from torch import Tensor

from lightune.arrays import keep_arrays, kept_arrays
from lightune.compute.batching import length_batches
from lightune.compute.turns import held
from lightune.whole import whole_file

# Changes where files of another version must not be read.
FORMAT = 1
FLOAT32, BFLOAT16 = "float32", "bfloat16"
# A process that is cut off while it computes loses at most one shard of work.
SHARD_BYTES = 256 * 2**20
PREFIX = "trunk-"
INDEX, STATES, PARTIAL = ".index", ".states", ".partial"
LOCK = ".lock"

Ids = NDArray[np.int32]
# Indices of texts of like length -> their states, float32 [tokens, width] each.
Compute = Callable[[list[int]], Sequence[Tensor]]


@dataclass(frozen=True)
class Filled:
    """What became of the texts that a cache was to hold, each different text once.

    kept: were there already. computed: were computed and written. beyond: found no room. fault: why writing failed.
    waited: the seconds in which another process was waited for.
    """

    kept: int
    computed: int
    beyond: int
    fault: str = ""
    waited: float = 0.0

    def __add__(self, other: Filled) -> Filled:
        """Of other texts besides."""
        return Filled(
            self.kept + other.kept,
            self.computed + other.computed,
            self.beyond + other.beyond,
            self.fault or other.fault,
            self.waited + other.waited,
        )


@dataclass(frozen=True)
class _Place:
    """Where a text's states stand: number of the shard, first token there, tokens, checksum."""

    shard: int
    start: int
    tokens: int
    checksum: int


class StateCache:
    """States of texts under one key.

    folder: that of all caches that share the bound. key: all that the states depend on beside the text's ids. width: of
    the states. dtype: what they are kept as; bfloat16 rounds them to 8 bits of precision and is not exact. limit: bytes
    that all caches in `folder` may take together; they never take more than half of what is free on the disk. Where
    that is not enough, caches of other keys that nobody is filling go, the oldest first.
    """

    def __init__(self, folder: Path, key: str, width: int, dtype: str, limit: int) -> None:
        self.key = f"{FORMAT} {key} {width} {dtype}"
        self.all = folder
        self.folder = folder / f"{PREFIX}{hashlib.sha256(self.key.encode()).hexdigest()[:16]}"
        self.width = width
        self.stored = np.dtype("<f4" if dtype == FLOAT32 else "<i2")
        self.limit = limit
        self._places: dict[bytes, _Place] = {}
        self._maps: dict[int, np.memmap[Any, np.dtype[np.uint8]]] = {}
        self._sound: set[bytes] = set()

    def fill(self, texts: Sequence[Ids], compute: Compute, on_rows: Callable[[int], None] | None = None) -> Filled:
        """Have the states of `texts` on disk, as far as there is room for them, computing those that are not.

        One process fills at a time; another one waits and finds there what the first has written. on_rows: hears of
        each batch's texts when computed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with held(FileLock(self.folder / LOCK)) as waited:
            os.utime(self.folder)  # the last one that was used is the last to go
            self._open()
            first = {text_hash(ids): at for at, ids in reversed(list(enumerate(texts)))}
            missing = sorted(at for found, at in first.items() if not self._is_sound(found))
            lengths = np.asarray([len(texts[at]) for at in missing], dtype=np.int64)
            batches = [[missing[at] for at in batch] for batch in length_batches(lengths)]
            most = max(self.limit - _bytes_in(self.folder), 0)
            self._make_room(min(int(lengths.sum()) * self._token_bytes, most))
            done, fault = 0, ""
            try:
                for shard in self._shards(batches, texts):
                    self._write(shard, texts, compute, on_rows)
                    done += sum(len(batch) for batch in shard)
            except OSError as error:
                # The cache saves time; a disk that takes no more must not end a training.
                fault = f"{error.strerror or error}"
            return Filled(len(first) - len(missing), done, len(missing) - done, fault, waited)

    def look(self, texts: Sequence[Ids]) -> Filled:
        """Have what another process has filled, and change nothing on disk."""
        for path in sorted(self.folder.glob(f"*{STATES}")):
            number = path.name.removesuffix(STATES)
            if number.isdigit() and int(number) not in self._maps:
                self._take(int(number))
        different = {text_hash(ids) for ids in texts}
        kept = sum(self._is_sound(found) for found in different)
        return Filled(kept, 0, len(different) - kept)

    def get(self, ids: Ids) -> Tensor | None:
        """The states of a text, float32 [tokens, width], a copy; None where they are not kept or are damaged."""
        found = text_hash(ids)
        if not self._is_sound(found):
            return None
        place = self._places[found]
        states = torch.from_numpy(np.array(self._bytes(place)).view(self.stored).reshape(place.tokens, self.width))
        return states if self.stored.kind == "f" else states.view(torch.bfloat16).float()

    def release(self) -> None:
        """Hand mapped pages back, so that what was read does not count as this process's memory."""
        if hasattr(mmap, "MADV_DONTNEED"):
            for mapped in self._maps.values():
                mapped._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]

    def _shards(self, batches: Sequence[list[int]], texts: Sequence[Ids]) -> Iterator[list[list[int]]]:
        """The batches that find room, as many together as make a shard."""
        room = self._room()
        shard: list[list[int]] = []
        size = 0
        for batch in batches:
            taken = sum(len(texts[at]) for at in batch) * self._token_bytes
            if taken > room:
                break
            room -= taken
            if shard and size + taken > SHARD_BYTES:
                yield shard
                shard, size = [], 0
            shard.append(batch)
            size += taken
        if shard:
            yield shard

    @property
    def _token_bytes(self) -> int:
        return self.width * self.stored.itemsize

    def _make_room(self, size: int) -> None:
        """Empty caches of other keys, the one that was used longest ago first, until `size` bytes more are within the
        bound. What a process has mapped of them stays there for that process, and on the disk until it ends."""
        others = [path for path in self.all.glob(f"{PREFIX}*") if path != self.folder]
        for other in sorted(others, key=_used):
            room, held = self._room(), _bytes_in(other)
            if size == 0 or room >= size:
                return
            # Its folder and its lock stay: another process may be waiting for them.
            with contextlib.suppress(OSError, Timeout), FileLock(other / LOCK, timeout=0):
                for ending in (INDEX, STATES, PARTIAL):
                    for path in other.glob(f"*{ending}"):
                        path.unlink(missing_ok=True)
            if _bytes_in(other) < held and self._room() <= room:
                return

    def _room(self) -> int:
        used = sum(_bytes_in(folder) for folder in self.all.glob(f"{PREFIX}*"))
        return min(self.limit - used, shutil.disk_usage(self.folder).free // 2)

    def _write(
        self, shard: list[list[int]], texts: Sequence[Ids], compute: Compute, on_rows: Callable[[int], None] | None
    ) -> None:
        number = max(self._maps, default=-1) + 1
        path = self.folder / f"{number}{STATES}"
        index: list[tuple[bytes, int, int, int]] = []
        start = 0
        with whole_file(path, lasting=False) as scratch, scratch.open("wb") as handle:
            for batch in shard:
                for at, states in zip(batch, compute(batch), strict=True):
                    content = self._stored(states)
                    handle.write(content)
                    index.append((text_hash(texts[at]), start, len(states), zlib.crc32(content)))
                    start += len(states)
                if on_rows is not None:
                    on_rows(len(batch))
        hashes, starts, tokens, checksums = zip(*index, strict=True)
        arrays: dict[str, NDArray[Any]] = {
            "hashes": np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(-1, HASH_BYTES),
            "places": np.asarray([starts, tokens, checksums], dtype=np.int64).T,
        }
        keep_arrays(path.with_suffix(INDEX), self.key, arrays)
        self._take(number)
        self._sound.update(hashes)

    def _stored(self, states: Tensor) -> bytes:
        states = states.detach().float().cpu().contiguous()
        if self.stored.kind == "i":
            states = states.to(torch.bfloat16).view(torch.int16)
        return states.numpy().astype(self.stored, copy=False).tobytes()

    def _open(self) -> None:
        """Take what other processes have written since, and remove what one that was cut off has left; the lock is
        held, so nobody is writing."""
        for path in self.folder.glob(f"*{PARTIAL}"):
            path.unlink(missing_ok=True)
        for path in sorted(self.folder.glob(f"*{STATES}")):
            number = path.name.removesuffix(STATES)
            if not number.isdigit() or (int(number) not in self._maps and not self._take(int(number))):
                with contextlib.suppress(OSError):
                    path.unlink()
                    path.with_suffix(INDEX).unlink(missing_ok=True)

    def _take(self, number: int) -> bool:
        """Map a shard and learn what is in it; False where it is damaged or of another key."""
        path = self.folder / f"{number}{STATES}"
        index = kept_arrays(path.with_suffix(INDEX), self.key)
        if index is None or index["hashes"].shape != (len(index["places"]), HASH_BYTES) or not len(index["places"]):
            return False
        tokens = int(index["places"][:, 1].sum())
        if path.stat().st_size != tokens * self._token_bytes:
            return False
        self._maps[number] = np.memmap(path, dtype=np.uint8, mode="r")
        for found, (start, length, checksum) in zip(index["hashes"], index["places"].tolist(), strict=True):
            self._places[found.tobytes()] = _Place(number, start, length, checksum)
        return True

    def _is_sound(self, found: bytes) -> bool:
        """Whether a text is there with the states that were written; looked at once in a process."""
        if found in self._sound:
            return True
        place = self._places.get(found)
        if place is None or zlib.crc32(self._bytes(place).data) != place.checksum:
            self._places.pop(found, None)
            return False
        self._sound.add(found)
        return True

    def _bytes(self, place: _Place) -> NDArray[np.uint8]:
        begin = place.start * self._token_bytes
        return self._maps[place.shard][begin : begin + place.tokens * self._token_bytes]


def _used(folder: Path) -> int:
    """When a cache was last filled from or written to, ns; it may be gone by now."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def _bytes_in(folder: Path) -> int:
    """What a cache takes; a file may be gone by now."""
    found = 0
    for path in folder.glob("*"):
        with contextlib.suppress(OSError):
            found += path.stat().st_size
    return found


HASH_BYTES = 16


def text_hash(ids: Ids) -> bytes:
    """BLAKE2b of a text's token ids."""
    return hashlib.blake2b(np.ascontiguousarray(ids, dtype="<i4").tobytes(), digest_size=HASH_BYTES).digest()
