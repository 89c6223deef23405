"""Choices that depend on nothing but their names: no generator, so no library's version, changes a suite."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

SEED = "lightune 1"
# Of more orders than this, this many are drawn: enough for the cases of any test.
DRAWS = 1_000


def draw(n: int, *names: object) -> int:
    """Return a number from 0 to n - 1 that looks random and is always the same for the same names."""
    digest = hashlib.blake2b("\x1f".join(map(str, (SEED, *names))).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % n


def order(n: int, *names: object) -> Iterator[int]:
    """Yield 0 to n - 1 once each, shuffled; of more than 1,000, that many draws, which may repeat."""
    if n <= DRAWS:
        yield from sorted(range(n), key=lambda i: draw(2**64, *names, i))
    else:
        for i in range(DRAWS):
            yield draw(n, *names, i)
