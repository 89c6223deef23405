"""A disk that takes no more or nothing: seen before work starts, or told in a sentence when it happens later."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightune.errors import ConfigError, LightuneError, MachineError

FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
# How libraries in Rust put it, and pyarrow where it has no error of its own.
NUMBERED = re.compile(r"\((?:os error|errno) (\d+)\)|\[[Ee]rrno (\d+)\]")
# torch writes checkpoints by C++ streams, which keep the reason for themselves.
BY_STREAMS = ("PytorchStreamWriter failed", "iostream error", "unexpected pos")
GO_ON = "Make room and give the same command again: it goes on from what is done."


def disk_fault(error: BaseException, folder: Path) -> str | None:
    """A sentence with path and free space where `error` says that a disk takes no more, None for any other error.

    folder: what was being written into, for errors that name no file.
    """
    number = _number(error)
    if number is None:
        return None
    name = error.filename if isinstance(error, OSError) else None
    place = _existing(Path(os.fsdecode(name)).parent if isinstance(name, str | bytes) else folder)
    said = os.strerror(number) if number else "the disk takes no more"
    if number == errno.EROFS:
        return f"{place} cannot be written: {said}. Give the same command again where it can."
    limit = ", which a limit on the size of files (ulimit -f) does too" if number == errno.EFBIG else ""
    go_on = GO_ON.replace("Make room", "Raise the limit or make room") if limit else GO_ON
    return f"{place} cannot be written: {said}{limit}; {_free(place)}. {go_on}"


@contextmanager
def told_of_the_disk(folder: Path) -> Iterator[None]:
    """Within it an error of a disk becomes MachineError with the sentence of `disk_fault`."""
    try:
        yield
    except LightuneError:
        raise
    except Exception as error:
        # Libraries have kinds of their own; which of them are a disk's is seen by their numbers and words.
        said = disk_fault(error, folder)
        if said is None:
            raise
        raise MachineError(said) from error


def check_writable(option: str, folder: Path) -> None:
    """Raise ConfigError where nothing can be written into `folder`, or into the first folder above it that exists, and
    MachineError where there is no room for a byte. It leaves no trace."""
    place = _existing(folder)
    with told_of_the_disk(place):
        try:
            with tempfile.TemporaryFile(dir=place) as handle:
                handle.write(b"lightune")
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise OSError(error.errno, error.strerror) from error
            why = error.strerror or error
            raise ConfigError(
                f"{option} {folder}: nothing can be written in {place} ({why}). Name another folder."
            ) from error


def check_room(option: str, folder: Path, needs: int, parts: str) -> None:
    """Raise MachineError where the disk of `folder` has fewer than `needs` bytes free. parts: what they are for."""
    place = _existing(folder)
    if shutil.disk_usage(place).free < needs:
        raise MachineError(
            f"{option} {folder}: at least {_size(needs)} are needed there ({parts}), and {_free(place)}. Make room, or "
            "name a folder on another disk."
        )


def _number(error: BaseException) -> int | None:
    """The error's number of the system, 0 where it is a disk's without one, None where it is another error."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno if error.errno in FAULTS else None
    said = str(error)
    for match in NUMBERED.finditer(said):
        number = int(match[1] or match[2])
        if number in FAULTS:
            return number
    if isinstance(error, RuntimeError) and any(part in said for part in BY_STREAMS):
        return 0
    return None


def _existing(path: Path) -> Path:
    whole = path.absolute()
    return next(place for place in (whole, *whole.parents) if place.is_dir())


def _free(place: Path) -> str:
    usage = shutil.disk_usage(place)
    return f"{_size(usage.free)} of {_size(usage.total)} are free on its disk"


def _size(count: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count / 1e3:,.0f} kB"
