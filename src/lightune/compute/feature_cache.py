"""Features on disk by a text's content, so that each text goes through the model once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightune.arrays import keep_arrays, kept_arrays
from lightune.compute.turns import in_turn

Features = NDArray[np.float32]


class FeatureCache:
    """Features of texts under one key, in one file of a folder.

    key: all that the features depend on beside the text (model, cut, pooling). The file is written whole and then put
    in its place. One process computes at a time; another one waits and finds there what that has. A file that is
    damaged, or made for another key, counts as none. waited: the seconds of all calls in which another process
    was waited for.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.key = key
        self.waited = 0.0
        self.path = folder / f"features-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"

    def get(self, row_ids: Sequence[str], compute: Callable[[Sequence[int]], NDArray[np.floating]]) -> Features:
        """Return the features of the rows, float32 [rows, width].

        row_ids: `<content hash>-<occurrence>`, see `lightune.data.row_ids`; rows of one hash have one text. compute:
        gives the features [indices, width] of the rows at these indices; it is asked once, for what the file lacks,
        each text once. Raises ValueError where it answers in another shape.
        """
        hashes = [row_id.rpartition("-")[0] for row_id in row_ids]
        known = self._read()
        if any(found not in known for found in hashes):
            with in_turn(self.path.with_suffix(".lock")) as waited:
                self.waited += waited
                known = self._read()  # another process may have computed them meanwhile
                self._compute(hashes, known, compute)
        return np.stack([known[found] for found in hashes]) if hashes else np.empty((0, 0), dtype=np.float32)

    def _compute(
        self,
        hashes: Sequence[str],
        known: dict[str, Features],
        compute: Callable[[Sequence[int]], NDArray[np.floating]],
    ) -> None:
        """Put into `known` what lacks there, and keep it."""
        first = {found: at for at, found in reversed(list(enumerate(hashes))) if found not in known}
        if not first:
            return
        wanted = sorted(first.values())
        fresh = np.asarray(compute(wanted), dtype=np.float32)
        widths = {len(row) for row in known.values()} | {fresh.shape[-1]}
        if fresh.ndim != 2 or len(fresh) != len(wanted) or len(widths) > 1:
            raise ValueError(f"{len(wanted)} rows of {widths} features are expected, got shape {fresh.shape}.")
        known |= {hashes[at]: row for at, row in zip(wanted, fresh, strict=True)}
        self._write(known)

    def _read(self) -> dict[str, Features]:
        kept = kept_arrays(self.path, self.key)
        if kept is None or kept["features"].shape[:1] != kept["hashes"].shape or kept["features"].ndim != 2:
            return {}
        return dict(zip(kept["hashes"].tolist(), kept["features"], strict=True))

    def _write(self, known: Mapping[str, Features]) -> None:
        arrays = {"hashes": np.array(list(known)), "features": np.stack(list(known.values()))}
        with suppress(OSError):  # the features are there, and can be computed again
            self.path.parent.mkdir(parents=True, exist_ok=True)
            keep_arrays(self.path, self.key, arrays)
