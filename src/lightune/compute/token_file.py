"""Token ids of many texts in one file that is written once, checked once and then mapped into memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightune.whole import whole_file

Ids = NDArray[np.int32]
Hashes = NDArray[np.uint64]

MAGIC = b"ltokens1"
DIGEST_BYTES = 32
# texts, tokens, and the microseconds that tokenising them took.
COUNTS = 3
START = len(MAGIC) + DIGEST_BYTES + COUNTS * 8
BLOCK = 2**20


@dataclass(frozen=True)
class TokenFile:
    """A file's arrays, mapped. hashes: [texts, 2], sorted by the first. offsets: [texts + 1] into ids, int32 [tokens].
    seconds: what tokenising the texts took."""

    hashes: Hashes
    offsets: NDArray[np.int64]
    ids: Ids
    seconds: float

    def find(self, wanted: Hashes) -> NDArray[np.int64]:
        """Places of the texts of these hashes [texts, 2]; -1 where there is none."""
        if not len(self.hashes):
            return np.full(len(wanted), -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(self.hashes[:, 0], wanted[:, 0]), len(self.hashes) - 1)
        return np.where((self.hashes[at] == wanted).all(axis=1), at, -1)

    def row(self, at: int) -> Ids:
        """A text's token ids, a part of the file."""
        return self.ids[self.offsets[at] : self.offsets[at + 1]]

    def seconds_for(self, places: NDArray[np.int64]) -> float:
        """What tokenising the texts at these places took, by their share of the tokens."""
        own = np.unique(places)
        tokens = int((self.offsets[own + 1] - self.offsets[own]).sum())
        return self.seconds * tokens / max(1, len(self.ids))


def file_bytes(rows: Sequence[Ids]) -> int:
    """Size of a file of these texts' tokens."""
    return START + 16 * len(rows) + 8 * (len(rows) + 1) + 4 * sum(len(row) for row in rows)


def write_tokens(path: Path, key: str, hashes: Hashes, rows: Sequence[Ids], seconds: float) -> None:
    """Write the tokens of the texts of `hashes` [texts, 2], whole or not at all. key: of what they depend on."""
    order = np.lexsort((hashes[:, 1], hashes[:, 0]))
    sorted_rows = [rows[at] for at in order.tolist()]
    parts = list(_parts(hashes[order], sorted_rows, seconds))
    digest = hashlib.sha256(key.encode())
    for part in parts:
        digest.update(part)
    with whole_file(path, lasting=False) as scratch, scratch.open("wb") as file:
        file.write(MAGIC + digest.digest())
        for part in parts:
            file.write(part)


def read_tokens(path: Path, key: str, checked: bool = False) -> TokenFile | None:
    """Map what `write_tokens` wrote under `key`; None for anything else. checked: its digest is known to be right.

    The digest is taken by reading, so that only the texts that are asked for count as this process's memory. Raises
    OSError where there is no file that can be read.
    """
    with path.open("rb") as file:
        head = file.read(len(MAGIC) + DIGEST_BYTES)
        if not head.startswith(MAGIC):
            return None
        digest = hashlib.sha256(key.encode())
        while not checked and (block := file.read(BLOCK)):
            digest.update(block)
    if not checked and digest.digest() != head[len(MAGIC) :]:
        return None
    whole = np.memmap(path, dtype=np.uint8, mode="r")
    texts, tokens, microseconds = np.frombuffer(whole[START - 8 * COUNTS : START], dtype="<i8").tolist()
    first, second = START + 16 * texts, START + 16 * texts + 8 * (texts + 1)
    if len(whole) != second + 4 * tokens:
        return None
    return TokenFile(
        np.frombuffer(whole[START:first], dtype="<u8").reshape(-1, 2),
        np.frombuffer(whole[first:second], dtype="<i8"),
        np.frombuffer(whole[second : second + 4 * tokens], dtype="<i4"),
        microseconds / 1e6,
    )


def _parts(hashes: Hashes, rows: Sequence[Ids], seconds: float) -> Iterator[Any]:
    offsets = np.cumsum([0, *(len(row) for row in rows)], dtype="<i8")
    yield np.array([len(rows), offsets[-1], round(seconds * 1e6)], dtype="<i8").tobytes()
    yield np.ascontiguousarray(hashes, dtype="<u8").tobytes()
    yield offsets.tobytes()
    for row in rows:
        yield np.ascontiguousarray(row, dtype="<i4").data
