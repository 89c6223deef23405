"""What lies beside an output while it is made: a record of the job, and a part for each window that is done."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from lightune.compute import Choices
from lightune.errors import ConfigError, RunError
from lightune.inference.batch.formats import Format

FORMAT = 1
SUFFIX = ".parts"
_START_AGAIN = "Delete that folder to start again."
_RECORD, _LOCK, _FINISHED, _WHOLE, _SCRATCH = "job.json", ".lock", "finished.json", "whole", ".partial"


@dataclass(frozen=True)
class JobRecord:
    """What a job is. identity: by what a person calls it, whatever the output's bytes depend on. choices: how it is
    computed. merging: whether adapters are merged. windows: how many the input has."""

    identity: Mapping[str, Any]
    choices: Choices
    merging: bool
    rows: int
    windows: int


class JobFolder:
    """The folder beside an output. Only its holder writes there."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(target.name + SUFFIX)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder and hold its lock. It goes again where nothing was done in it.

        Raises ConfigError where another process holds it, or it cannot be made.
        """
        lock = self._lock()
        try:
            yield
        finally:
            if self.path.is_dir() and not self.parts():
                shutil.rmtree(self.path, ignore_errors=True)
            lock.release()

    def read(self) -> JobRecord | None:
        """The record of the job that was begun here; None: there is none. Raises ConfigError where it is damaged."""
        try:
            found = json.loads((self.path / _RECORD).read_text(encoding="utf-8"))
            if found["format"] != FORMAT:
                raise ConfigError(f"--resume: {self.path} is of another version of lightune. {_START_AGAIN}")
            choices = Choices(**found["choices"])
            return JobRecord(found["identity"], choices, found["merging"], found["rows"], found["windows"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"--resume: {self.path} holds no whole record of a job. {_START_AGAIN}") from error

    def begin(self, record: JobRecord) -> None:
        """Write the record of a new job."""
        text = json.dumps({"format": FORMAT, **asdict(record)}, indent=1)
        self._write_whole(self.path / _RECORD, lambda path: _write_text(path, text))

    def parts(self) -> dict[int, Path]:
        """The parts that are done, by the number of their window."""
        return {int(path.name.split("-")[1]): path for path in sorted(self.path.glob("part-*-*"))}

    def add_part(self, number: int, write: Callable[[Path], None]) -> None:
        """Have the part of a window written, whole or not at all. Raises RunError where the disk does not allow it."""
        scratch = self.path / _SCRATCH
        with self._on_disk():
            write(scratch)
            _sync(scratch)
            # The name holds a part's digest, so that harm that comes to it later is seen.
            os.replace(scratch, self.path / f"part-{number:08d}-{_digest(scratch)}")
            _sync(self.path)

    def spool(self, stream: BinaryIO, path: Path) -> None:
        """Keep what comes over a pipe in a file of this folder. Raises RunError where the disk is full."""
        with self._on_disk(), path.open("wb") as kept:
            shutil.copyfileobj(stream, kept, 2**20)

    def put_together(self, form: Format, rows: int, on_part: Callable[[int], None]) -> None:
        """Make the output of all parts, and remove the folder. Raises RunError for a part that was harmed."""
        parts = self.parts()
        with self._on_disk():
            whole = self.path / _WHOLE
            form.put_together(self._checked(parts, on_part), whole)
            _sync(whole)
            size = whole.stat().st_size
            os.replace(whole, self.target)
            _sync(self.target.parent)
            told = json.dumps({"bytes": size, "rows": rows})
            self._write_whole(self.path / _FINISHED, lambda path: _write_text(path, told))
        self.remove()

    def finished(self) -> int | None:
        """The rows of the output where it is in its place and only this folder was left, as a kill at the very end
        leaves it; else None."""
        try:
            told = json.loads((self.path / _FINISHED).read_text(encoding="utf-8"))
            return int(told["rows"]) if self.target.stat().st_size == int(told["bytes"]) else None
        except (OSError, ValueError, KeyError):
            return None

    def remove(self) -> None:
        """Remove the folder; what says that it is finished goes last."""
        for path in self.parts().values():
            path.unlink()
        shutil.rmtree(self.path, ignore_errors=True)

    def clear(self) -> None:
        """Remove what a job has left, but for the lock."""
        for path in self.path.iterdir():
            if path.name != _LOCK:
                path.unlink()

    def left_behind(self) -> ConfigError:
        """The error for a job that was cut off here and is not asked to go on."""
        done = len(self.parts())
        of_all = ""
        with contextlib.suppress(ConfigError):
            record = self.read()
            of_all = "" if record is None else f" of {record.windows:,}"
        return ConfigError(
            f"--output {self.target}: a run that was cut off has left {self.path}, {done:,}{of_all} parts done. Go on "
            "with --resume, or delete that folder to start again."
        )

    def differs(self, names: list[str]) -> ConfigError:
        """The error for a job that is another one than that which was begun."""
        return ConfigError(
            f"--resume: {self.path} was begun otherwise; what differs: {', '.join(names)}. Give what it was begun "
            "with, or delete that folder to start again."
        )

    def _lock(self) -> FileLock:
        lock = FileLock(self.path / _LOCK)
        if self.path.exists() and not (self.path / _LOCK).exists() and any(self.path.iterdir()):
            raise ConfigError(
                f"--output {self.target}: its parts would go into {self.path}, which holds something else. Name "
                "another file."
            )
        while True:
            try:
                self.path.mkdir(exist_ok=True)
                lock.acquire(timeout=0)
            except Timeout as error:
                raise ConfigError(
                    f"--output {self.target}: another process is writing it. Wait for it, or name another file."
                ) from error
            except OSError as error:
                raise ConfigError(
                    f"--output {self.target}: nothing can be written in {self.target.parent} "
                    f"({error.strerror or error}). Name a file elsewhere."
                ) from error
            if (self.path / _LOCK).exists():
                return lock
            lock.release()  # another process has just finished, and taken the folder away

    def _checked(self, parts: Mapping[int, Path], on_part: Callable[[int], None]) -> Iterator[Path]:
        for done, number in enumerate(sorted(parts), start=1):
            part = parts[number]
            if _digest(part) != part.name.split("-")[2]:
                part.unlink()
                raise RunError(
                    f"{part} was harmed after it was written, and is removed. The same command with --resume makes it "
                    "again."
                )
            yield part
            on_part(done)

    def _write_whole(self, path: Path, write: Callable[[Path], None]) -> None:
        scratch = self.path / _SCRATCH
        with self._on_disk():
            write(scratch)
            _sync(scratch)
            os.replace(scratch, path)

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        """Turn an error of the disk into a sentence; what was half written goes, what is done stays."""
        try:
            yield
        except OSError as error:
            for name in (_SCRATCH, _WHOLE):
                (self.path / name).unlink(missing_ok=True)
            raise RunError(
                f"{self.target} cannot be written: {error.strerror or error}. What is done stays in {self.path}; "
                "once that is mended, the same command with --resume goes on."
            ) from error


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()[:16]


def _sync(path: Path) -> None:
    """Have the system put what `path` holds onto the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
