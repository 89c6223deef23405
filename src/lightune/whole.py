"""Files that take their place whole or not at all: a reader sees the old one or the new one, never half of one.

That holds for a power cut too: what a file holds is on the disk before its name is, and its name is there when the call
returns. Without that a name may outlive a cut and its content not, and an empty record stands for a run that was done.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident


@contextmanager
def whole_file(path: Path, *, lasting: bool = True) -> Iterator[Path]:
    """Give a new name beside `path` to write to; what stands there takes `path`'s place when all went well.

    lasting: it survives a power cut. That makes the caller wait for the disk, so it is left out for what a reader can
    tell to be damaged, and can make again.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}.partial")
    try:
        yield scratch
        if lasting:
            sync(scratch)
        os.replace(scratch, path)
        if lasting:
            sync_folder(path.parent)
    finally:
        scratch.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8 with its line ends as they are."""
    with whole_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8", newline="\n")


def sync(path: Path) -> None:
    """Have the system put what the file at `path` holds onto the disk. Raises OSError where the disk fails."""
    # Windows syncs only what may be written to.
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Have the system put the names in the folder at `path` onto the disk, where it can do that for folders."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        # Some network and user-space file systems refuse it for a folder; their files are synced all the same.
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Have the system put all files below `folder`, and their names, onto the disk."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            sync_folder(path)
        elif path.is_file():
            sync(path)
    sync_folder(folder)


def sweep(folder: Path) -> None:
    """Remove what processes that were killed have left half written below `folder`: files of `whole_file`'s, and
    folders `.NAME.PID.partial`. What a process that is there may be writing stays."""
    for path in list(folder.rglob(".*.partial")):
        writer = path.name.split(".")[-2 if path.is_dir() else -3]
        if not writer.isdigit() or lives(int(writer)):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def lives(pid: int) -> bool:
    """Whether a process of this number is there; true where that cannot be asked without harm."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
