"""A training's checkpoints on disk: each is whole or not there, and its manifest vouches for every byte of it.

A checkpoint is written under another name, each file synced, the manifest with their digests last; then it takes its
name. The newest whole one serves, as long as the best one that it speaks of is whole too. Nothing in one is read before
the manifest has vouched for all of it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lightune.digests import file_digest
from lightune.whole import sync, sync_folder

MANIFEST = "manifest.json"
FORMAT = 1
# How many are kept beside the best ones, so that one is left when the newest is harmed.
KEPT = 2


@dataclass(frozen=True)
class Found:
    """folder: of the checkpoint to go on from; None: there is none. notes: what is broken and what serves instead, a
    sentence each, fit to be shown to a user."""

    folder: Path | None
    notes: tuple[str, ...]


class Checkpoints:
    """Those of one training, in `root`, which one process at a time may write to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        # Of each whole one: the step of the best so far, which must be there for it to serve.
        self._whole: dict[int, int | None] = {}

    def folder(self, step: int) -> Path:
        """Where the checkpoint of a step stands."""
        return self.root / f"checkpoint-{step}"

    def newest(self) -> Found:
        """Read every byte of all of them, and find the newest that can serve."""
        whole: dict[int, int | None] = {}
        broken: list[str] = []
        for step in sorted(self._steps(), reverse=True):
            try:
                whole[step] = _verified(self.folder(step), step)
            except Broken as error:
                broken.append(f"checkpoint-{step} is broken ({error})")
        serving = [step for step, best in whole.items() if best is None or best in whole]
        last = max(serving, default=None)
        broken += [
            f"checkpoint-{step} cannot serve without the best one, checkpoint-{whole[step]}"
            for step in whole
            if step not in serving and (last is None or step > last)
        ]
        self._whole = {step: best for step, best in whole.items() if last is not None and step <= last}
        instead = "the training begins anew" if last is None else f"the training goes on from checkpoint-{last}"
        notes = tuple(f"{one[0].upper()}{one[1:]} and is passed over; {instead}." for one in broken)
        return Found(None if last is None else self.folder(last), notes)

    def write(self, step: int, best: int | None, fill: Callable[[Path], None]) -> None:
        """Write the checkpoint of `step`, whose files `fill` puts into a folder, and remove those that are not needed
        any more. best: the step of the best checkpoint so far. Raises OSError, and leaves what was there."""
        scratch = self.root / f".checkpoint-{step}.partial"
        self._clear()
        scratch.mkdir(parents=True)
        fill(scratch)
        files = {}
        for path in sorted(scratch.iterdir()):
            sync(path)
            files[path.name] = {"bytes": path.stat().st_size, "sha256": file_digest(path)}
        manifest = {"format": FORMAT, "step": step, "best": best, "files": files}
        (scratch / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
        sync(scratch / MANIFEST)
        sync_folder(scratch)
        target = self.folder(step)
        if target.exists():  # a broken one, or one that was made when the training was stopped in its look
            os.rename(target, self.root / f".checkpoint-{step}.old.partial")
        os.rename(scratch, target)
        sync_folder(self.root)
        self._whole[step] = best
        self._prune()

    def _prune(self) -> None:
        """Keep the newest and the best of each of them. What goes loses its name at once, so that no half is left."""
        last = sorted(self._whole)[-KEPT:]
        kept = {*last, *(best for step in last if (best := self._whole[step]) is not None)}
        for step in self._steps() - kept:
            os.rename(self.folder(step), self.root / f".checkpoint-{step}.gone.partial")
            self._whole.pop(step, None)
        self._clear()

    def _clear(self) -> None:
        """Remove what an earlier process left half done."""
        for path in self.root.glob(".checkpoint-*.partial"):
            shutil.rmtree(path)

    def _steps(self) -> set[int]:
        found = (re.fullmatch(r"checkpoint-(0|[1-9]\d*)", path.name) for path in self.root.glob("checkpoint-*"))
        return {int(match[1]) for match in found if match}


class Broken(Exception):
    """A checkpoint that is not as it was written; says why."""


def _verified(folder: Path, step: int) -> int | None:
    """The step of the best checkpoint that this one speaks of. Raises Broken unless each byte is as it was written."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        best, files = manifest["best"], manifest["files"]
        if (manifest["format"], manifest["step"]) != (FORMAT, step) or not isinstance(best, int | None):
            raise Broken(f"{MANIFEST} is not of this checkpoint")
        expected = {name: (one["bytes"], one["sha256"]) for name, one in files.items()}
    except OSError as error:
        raise Broken(f"{MANIFEST} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Broken(f"{MANIFEST} is damaged") from error
    try:
        found = {path.name for path in folder.iterdir()} - {MANIFEST}
        for name in sorted(found ^ set(expected)):
            raise Broken(f"{name} is {'unknown' if name in found else 'missing'}")
        for name, (size, digest) in expected.items():
            _check(folder / name, size, digest)
    except OSError as error:
        raise Broken(f"{error.filename} cannot be read: {error.strerror}") from error
    return best


def _check(path: Path, size: int, digest: str) -> None:
    if path.is_symlink() or not path.is_file():
        raise Broken(f"{path.name} is no file")
    seen = path.stat().st_size
    if seen != size:
        raise Broken(f"{path.name} has {seen:,} bytes, {size:,} were written")
    if file_digest(path) != digest:
        raise Broken(f"{path.name} has other bytes than were written")
