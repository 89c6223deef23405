"""What can be read as a file: not a folder, not a pipe that would be waited for, not a link that leads to itself."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from lightune.errors import DataError


def file_size(path: Path, name: str) -> int:
    """Return the bytes of the file at `path`, without opening it. name: what messages call it.

    Raises DataError where there is none, and for what is no file: a device has no end, and a pipe is waited for, or has
    run dry when it is read again.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError as error:
        raise DataError(f"There is no file {name}.") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise DataError(f"{name} is a symbolic link that leads to itself. Name the file that was meant.") from error
        raise DataError(f"{name} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:  # as for a NUL in the name
        raise DataError(f"{name!r} cannot be read: {error}.") from error
    if stat.S_ISDIR(found.st_mode):
        raise DataError(f"{name} cannot be read: it is a folder, and a file is expected.")
    if not stat.S_ISREG(found.st_mode):
        raise DataError(
            f"{name} is no regular file. Write what it gives into a file; `predict` reads what comes over a pipe with "
            "--input -"
        )
    return found.st_size
