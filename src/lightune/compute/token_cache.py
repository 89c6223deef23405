"""Token ids on disk by a text's content, so that each text of a study is tokenised once, whatever its cut."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, time
from typing import Any
from uuid import uuid4

import numpy as np

from lightune.compute.token_file import Hashes, Ids, TokenFile, file_bytes, read_tokens, write_tokens
from lightune.compute.tokenising import tokenizer_digest
from lightune.compute.turns import in_turn

# All files of a folder together: 250 million tokens, about 18 times the reviews of IMDb.
LIMIT_BYTES = 2**30
# More files of one tokenizer than this become one.
MOST_FILES = 8
# What a process that was killed left half written.
ABANDONED_SECONDS = 3600.0


@dataclass(frozen=True)
class Tokenised:
    """rows: the token ids of each text, not for writing. spared: the seconds that tokenising those that were known had
    taken, less those in which another process was waited for, so that what a run measures does not depend on others."""

    rows: tuple[Ids, ...]
    spared: float


class TokenCache:
    """Uncut token ids of texts under one key, in files of a folder.

    key: all that they depend on beside the text. Each call adds a file of its own with what was lacking, written whole
    and then put in its place: of processes that write at once, all files stand. Of those that want to tokenise at once
    one does, and the others wait and find its tokens. From MOST_FILES on they become one. A
    file that is damaged or made for another key counts as none and is removed. limit: bytes of all files in the folder,
    those of other keys included; the oldest go before a new one is written, and what is larger alone is not kept.
    Processes that write at once may exceed it until the next writes. A disk that is full only means that texts are
    tokenised again.
    """

    def __init__(self, folder: Path, key: str, limit: int = LIMIT_BYTES) -> None:
        self.folder, self.key, self.limit = folder, key, limit
        self._stem = f"tokens-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        # Files whose digest was right: name, size, time. They are never written to.
        self._checked: set[tuple[str, int, int]] = set()

    def get(self, texts: Sequence[str], compute: Callable[[Sequence[str]], Iterator[Ids]]) -> Tokenised:
        """Return the tokens of `texts`. compute: tokenises what no file has, each text once; it is not asked for no
        texts."""
        hashes = _hashes(texts)
        found: list[Ids | None] = [None] * len(texts)
        spared = self._find(hashes, found)
        if any(row is None for row in found):
            with in_turn(self.folder / f"{self._stem}.lock") as waited:
                # Another process may have tokenised them meanwhile.
                spared += self._find(hashes, found) - waited
                self._tokenise(texts, hashes, found, compute)
        return Tokenised(tuple(row for row in found if row is not None), spared)

    def _find(self, hashes: Hashes, found: list[Ids | None]) -> float:
        """Put into `found` what lacks there and files have. Returns the seconds that this had taken."""
        spared = 0.0
        for _, file in self._files():
            lacking = np.array([at for at, row in enumerate(found) if row is None], dtype=np.int64)
            places = file.find(hashes[lacking])
            for at, place in zip(lacking[places >= 0].tolist(), places[places >= 0].tolist(), strict=True):
                found[at] = file.row(place)
            spared += file.seconds_for(places[places >= 0])
        return spared

    def _tokenise(
        self,
        texts: Sequence[str],
        hashes: Hashes,
        found: list[Ids | None],
        compute: Callable[[Sequence[str]], Iterator[Ids]],
    ) -> None:
        """Put into `found` what lacks there, and keep it."""
        first: dict[bytes, int] = {}
        for at, row in enumerate(found):
            if row is None:
                first.setdefault(hashes[at].tobytes(), at)
        if not first:
            return
        wanted = list(first.values())
        start = perf_counter()
        fresh = list(compute([texts[at] for at in wanted]))
        self._keep(hashes[wanted], fresh, perf_counter() - start)
        own = dict(zip(first, fresh, strict=True))
        for at, row in enumerate(found):
            if row is None:
                found[at] = own[hashes[at].tobytes()]

    def _files(self) -> list[tuple[Path, TokenFile]]:
        opened = []
        for path in _oldest_first(self.folder, f"{self._stem}-*.ids"):
            with suppress(OSError):
                seen = path.stat()
                as_it_is = (path.name, seen.st_size, seen.st_mtime_ns)
                file = read_tokens(path, self.key, as_it_is in self._checked)
                if file is None:
                    path.unlink()
                else:
                    self._checked.add(as_it_is)
                    opened.append((path, file))
        return opened

    def _keep(self, hashes: Hashes, rows: Sequence[Ids], seconds: float) -> None:
        if file_bytes(rows) > self.limit:
            return
        with suppress(OSError):  # the tokens are there, and can be computed again
            self.folder.mkdir(parents=True, exist_ok=True)
            self._make_room(file_bytes(rows))
            before = self._files()
            if len(before) < MOST_FILES:
                before = []
            for _, file in before:
                new = np.flatnonzero(_places(hashes, file.hashes) < 0)
                hashes = np.concatenate([hashes, file.hashes[new]])
                rows = [*rows, *(file.row(at) for at in new.tolist())]
                seconds += file.seconds_for(new)
            path = self.folder / f"{self._stem}-{uuid4().hex[:12]}.ids"
            write_tokens(path, self.key, hashes, rows, seconds)
            for old, _ in before:
                old.unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        for path in self.folder.glob(".tokens-*.partial"):
            with suppress(OSError):
                if path.stat().st_mtime < time() - ABANDONED_SECONDS:
                    path.unlink()
        files = _oldest_first(self.folder, "tokens-*.ids")
        sizes = {path: _size(path) for path in files}
        for path in files:
            if sum(sizes.values()) + size <= self.limit:
                return
            path.unlink(missing_ok=True)
            del sizes[path]


def cache_for(folder: Path, tokenizer: Any) -> TokenCache | None:
    """The cache in `folder` for the tokenizer as it is now; None for one whose state cannot be told, or that draws."""
    key = tokenizer_digest(tokenizer)
    return None if key is None else TokenCache(folder, key)


def _hashes(texts: Sequence[str]) -> Hashes:
    """Hashes of the texts' characters, [texts, 2]."""
    digests = (hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts)
    return np.frombuffer(b"".join(digests), dtype="<u8").reshape(-1, 2)


def _places(known: Hashes, wanted: Hashes) -> Any:
    """Places in `known` of `wanted`, both [texts, 2]; -1 where there is none."""
    at = {row.tobytes(): place for place, row in enumerate(known)}
    return np.array([at.get(row.tobytes(), -1) for row in wanted], dtype=np.int64)


def _oldest_first(folder: Path, pattern: str) -> list[Path]:
    times = {}
    for path in folder.glob(pattern):
        with suppress(OSError):
            times[path] = path.stat().st_mtime_ns
    return sorted(times, key=lambda path: (times[path], path.name))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
