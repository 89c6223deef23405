"""Studies on disks that fill up: `python -m faults.disk [--short]`.

A study runs in a tmpfs of each of several sizes, is given room, and goes on to the weights of a study that nothing
happened to. Where no tmpfs can be mounted, a limit on the size of files (RLIMIT_FSIZE) stands in its place.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from soak.table import Line, say

from faults.command import command
from faults.small_study import Ended, difference, study, write_data

TOLERANCE = 1e-5
ROOM = "64m"
# Kilobytes: at the larger ones a study of this size ends well; at the others it stops at each of its kinds of files.
SIZES = (16, 64, 160, 320, 480, 640, 800, 960, 1280, 1600)
SHORT = (320,)
# Kilobytes that a file may have.
LIMITS = (4, 32, 128, 400)


@dataclass(frozen=True)
class Filled:
    """A study that was stopped by a disk and went on. size: KB."""

    size: int
    first: Ended
    told: bool
    whole: bool
    second: Ended
    difference: float


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    return command(__doc__, run, "one size instead of ten", argv)


def run(work: Path, short: bool = False) -> list[Line]:
    """All lines. work: a folder to work in."""
    data = write_data(work / "disk-data")
    whole = work / "disk-whole"
    uninterrupted = study(data, whole)
    if uninterrupted.code != 0:
        raise RuntimeError(f"the study that nothing happens to failed: {uninterrupted.said}")
    limited = [_limited(data, work / f"fsize-{size}", size, whole) for size in (LIMITS[1:2] if short else LIMITS)]
    lines = [_line("disk: files too large", "a limit on the size of files", limited)]
    if not _can_mount(work):
        say("disk: no tmpfs can be mounted here, which takes root: left out")
        return lines
    filled = [_filled(data, work / f"mount-{size}", size, whole) for size in (SHORT if short else SIZES)]
    return [*lines, _line("disk: full", "a full tmpfs", filled), _read_only(data, work / "read-only")]


def _filled(data: Path, mount: Path, size: int, whole: Path) -> Filled:
    say(f"disk: {size} KB")
    with _tmpfs(mount, f"{size}k"):
        out = mount / "out"
        first = study(data, out)
        sound = _is_sound(out)
        _mount("-o", f"remount,size={ROOM}", str(mount))
        second = study(data, out)
        apart = difference(out, whole) if second.code == 0 else float("inf")
    told = str(mount) in first.said and "are free" in first.said
    return Filled(size, first, told, sound, second, apart)


def _limited(data: Path, out: Path, size: int, whole: Path) -> Filled:
    say(f"disk: files of at most {size} KB")
    first = study(data, out, limit=size * 1024)
    sound = _is_sound(out)
    second = study(data, out)
    apart = difference(out, whole) if second.code == 0 else float("inf")
    return Filled(size, first, str(out.parent) in first.said and "ulimit -f" in first.said, sound, second, apart)


def _line(check: str, what: str, found: Sequence[Filled]) -> Line:
    stopped = [one for one in found if one.first.code != 0]
    held = [
        one
        for one in found
        if one.whole
        and one.second.code == 0
        and one.difference <= TOLERANCE
        and (one.first.code == 0 or (one.first.code == 1 and one.told and "Traceback" not in one.first.said))
    ]
    for one in found:
        if one not in held:
            say(f"{one.size} KB: {one.first.code} {one.first.said}\nthen {one.second.code} {one.second.said}")
    return Line(
        check,
        f"{what} ends in exit code 1 with path and space, no half file is left, and with room the same command goes on "
        "to the same weights (1e-5)",
        f"{len(held)} of {len(found)}; {len(stopped)} of them stopped first; largest difference "
        f"{max(one.difference for one in found):.1e}",
        len(held) == len(found) and bool(stopped),
    )


def _read_only(data: Path, mount: Path) -> Line:
    with _tmpfs(mount, ROOM):
        _mount("-o", "remount,ro", str(mount))
        end = study(data, mount / "out")
    return Line(
        "disk: read-only",
        "refused before any work, exit code 2",
        f"exit code {end.code}: {end.said.strip()[-120:]}",
        end.code == 2 and "nothing can be written in" in end.said,
    )


def _is_sound(out: Path) -> bool:
    """Whether all files that are not named partial can be read to their end, checkpoints aside."""
    import pyarrow.parquet as pq
    from safetensors.numpy import load_file

    for path in out.rglob("*"):
        if not path.is_file() or "checkpoints" in path.parts or "partial" in str(path):
            continue
        try:
            if path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
            elif path.suffix == ".parquet":
                pq.read_table(path)
            elif path.suffix == ".safetensors":
                load_file(path)
            elif path.suffix == ".html" and "</html>" not in path.read_text(encoding="utf-8"):
                raise ValueError("cut off")
        except Exception as error:
            # Whatever a reader raises over half a file, it is what is looked for.
            say(f"{path} is not whole: {error}")
            return False
    return True


def _can_mount(work: Path) -> bool:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    try:
        with _tmpfs(work / "mounted", "16k"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def _tmpfs(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir(parents=True)
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True, capture_output=True)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
