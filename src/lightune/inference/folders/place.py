"""Folders and files wherever fsspec finds them: on this machine, on a shared file system, in an object store."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.fs
from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from lightune.errors import ConfigError, DataError, LightuneError
from lightune.printable import without_secrets
from lightune.whole import sync, sync_folder

# What an object store or a network file system says of a file that changes with its content.
_VERSIONS = ("mtime", "ETag", "etag", "md5Hash", "generation", "LastModified", "last_modified", "updated", "created")
# Drivers that write nothing into a folder that is not there. Object stores have no folders; asked for one, s3fs makes
# the bucket, be its name misspelt.
_WITH_FOLDERS = {"sftp", "ssh", "ftp", "smb", "webdav", "dav"}
# Files that are looked into at the same time: on an object store that is mostly waiting.
_READERS = 16
_SCRATCH = re.compile(r"\..+\.[0-9a-f]{32}\.partial")


def is_url(place: str) -> bool:
    """Whether it is a URL, not a path of this machine."""
    return "://" in place


@dataclass(frozen=True)
class Place:
    """A folder or a file. name: what messages call it, without what a URL may hold of a password. It goes to other
    processes and machines."""

    name: str
    system: AbstractFileSystem
    path: str

    @property
    def local(self) -> Path | None:
        """The path on this machine, None where it is none."""
        return Path(self.path) if isinstance(self.system, LocalFileSystem) else None

    @property
    def of_one_process(self) -> bool:
        """Whether no other process sees it."""
        return isinstance(self.system, MemoryFileSystem)

    @property
    def readers(self) -> int:
        """How many threads may read in it at the same time: FTP has one connection, and mixes up their answers."""
        return 1 if "ftp" in self._protocols else _READERS

    @property
    def arrow(self) -> pyarrow.fs.FileSystem:
        """Where Arrow reads it."""
        if self.local is not None:
            return pyarrow.fs.LocalFileSystem()
        return pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(self.system))

    def at(self, name: str) -> str:
        """The path of what lies in it by that name."""
        return f"{self.path.rstrip('/')}/{name}"

    def files(self) -> dict[str, int]:
        """Sizes of all files below it, by their names in it, sorted; nothing where it is not there. Raises OSError, or
        what its driver raises."""
        self.system.invalidate_cache()
        found = self.system.find(self.path, detail=True)
        start = len(self.path.rstrip("/")) + 1
        return {path[start:]: int(told.get("size") or 0) for path, told in sorted(found.items())}

    def read(self, name: str) -> bytes | None:
        """What the file of that name holds; None where there is none."""
        try:
            data: bytes = self.system.cat_file(self.at(name))
        except FileNotFoundError:
            return None
        return data

    def put(self, name: str, data: bytes) -> None:
        """Write a file whole: on this machine under another name first, elsewhere by a single put."""
        path = self.at(name)
        if self.local is None:
            self._make_folder(path.rpartition("/")[0])
            self.system.pipe_file(path, data)
            return
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        # No process's number: processes of several machines write here, and may have the same.
        scratch = target.with_name(f".{target.name}.{uuid.uuid4().hex}.partial")
        try:
            scratch.write_bytes(data)
            sync(scratch)
            os.replace(scratch, target)
            sync_folder(target.parent)
        finally:
            scratch.unlink(missing_ok=True)

    def _make_folder(self, folder: str) -> None:
        """Make a folder where its driver wants that."""
        if not folder or _WITH_FOLDERS.isdisjoint(self._protocols):
            return
        try:
            self.system.makedirs(folder, exist_ok=True)
        except Exception:
            # Drivers raise errors of their own kinds. Another worker may have made a part of the path between this
            # one's look and its making: the second try finds that there. What is really wrong it raises again.
            self.system.invalidate_cache()
            self.system.makedirs(folder, exist_ok=True)

    @property
    def _protocols(self) -> tuple[str, ...]:
        named = self.system.protocol
        return (named,) if isinstance(named, str) else tuple(named)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        if self.system.exists(self.at(name)):
            self.system.rm_file(self.at(name))

    def sweep(self) -> None:
        """Remove what processes that were killed have left half written."""
        if self.local is not None:
            for path in list(self.local.rglob(".*.partial")):
                if _SCRATCH.fullmatch(path.name):
                    path.unlink(missing_ok=True)


def find_place(option: str, given: str) -> Place:
    """Find what `given`, a path or a URL, names. Raises ConfigError, naming the option, where no driver for it is
    installed, it is no URL that is known, or its driver refuses it."""
    if not is_url(given):  # fsspec would take `::` within a path for one place inside another
        return Place(given, LocalFileSystem(), os.path.abspath(os.path.expanduser(given)))
    name = without_secrets(given)
    try:
        system, path = url_to_fs(given)
    except ImportError as error:
        raise ConfigError(
            f"{option} {name}: what reads such a place is not installed: {_first_line(error)}. pip installs it."
        ) from error
    except Exception as error:  # of any kind: some drivers connect here, some want what no URL says
        raise ConfigError(f"{option} {name}: {_first_line(error)}. A folder, or a URL that fsspec knows.") from error
    return Place(name, system, path)


def stamp(place: Place, path: str) -> tuple[Any, ...]:
    """What changes when the file at `path` is written to; nothing of one that is gone."""
    try:
        if place.local is not None:
            found = os.stat(path)
            return found.st_size, found.st_mtime_ns
        place.system.invalidate_cache(os.path.dirname(path))
        told = place.system.info(path)
    except FileNotFoundError:
        return ()
    return told.get("size"), *(str(told[key]) for key in _VERSIONS if told.get(key) is not None)


@contextmanager
def reaching(what: str, place: Place, kind: type[LightuneError] = DataError) -> Iterator[None]:
    """Within it what a driver raises of its own, for what it cannot reach and whom it does not know, becomes an error
    of this kind. what: an option, or a part of the place."""
    try:
        yield
    except LightuneError:
        raise
    except Exception as error:  # their kinds are not known here
        raise kind(
            f"{what} {place.name} cannot be reached: {type(error).__name__}, {_first_line(error)}. Look at the "
            "address, the rights and the network."
        ) from error


def _first_line(error: Exception) -> str:
    said = str(error).strip().splitlines()
    return said[0].rstrip(".") if said else type(error).__name__
