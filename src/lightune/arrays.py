"""Arrays kept on disk that can be computed again: a file that is harmed or is another one counts as none."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightune.whole import whole_file

DIGEST_BYTES = 32


def keep_arrays(path: Path, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays (numbers or strings) under `key`, whole or not at all: a SHA-256, then numpy's .npz."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, key=np.array(key), **dict(arrays))
    content = buffer.getvalue()
    with whole_file(path, lasting=False) as scratch:
        scratch.write_bytes(hashlib.sha256(content).digest() + content)


def kept_arrays(path: Path, key: str) -> dict[str, NDArray[Any]] | None:
    """Read what `keep_arrays` wrote under `key`; None where nothing whole stands there, or something under another key.

    The digest is checked before numpy sees a byte, which raises nearly anything over a harmed file.
    """
    try:
        whole = path.read_bytes()
    except OSError:
        return None
    digest, content = whole[:DIGEST_BYTES], whole[DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = dict(file)
    return arrays if str(arrays.pop("key")) == key else None
