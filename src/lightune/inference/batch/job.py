"""What lies beside an output while it is made: a record of the job, and a part for each window that is done."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from lightune.compute import Choices
from lightune.digests import file_digest
from lightune.errors import ConfigError, RunError
from lightune.inference.batch.formats import Format
from lightune.whole import sync, sync_folder
from lightune.writer import Held, WriterLock

FORMAT = 1
SUFFIX = ".parts"
_START_AGAIN = "Delete that folder to start again."
_RECORD, _LOCK, _WHOLE, _SCRATCH = "job.json", ".lock", "whole", ".partial"
_HOLDER = f"{_LOCK}.holder"
# What the spooled standard input is called, in the folder and in messages.
STDIN = "standard input"
_OWN = {_RECORD, _LOCK, _HOLDER, _WHOLE, _SCRATCH, STDIN}
# Of a digest, in a part's name.
DIGITS = 16
_PART = re.compile(rf"part-(\d{{8,}})-[0-9a-f]{{{DIGITS}}}")


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
    """The folder beside an output. Only its holder writes there. What others put into it stays as it is."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(target.name + SUFFIX)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder and hold its lock. It goes again where no part is left in it.

        Raises ConfigError where another process holds it, or it cannot be made.
        """
        lock = self._lock()
        try:
            yield
        finally:
            self._leave(lock)

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
        scratch = self.path / _SCRATCH
        with self._on_disk():
            scratch.write_text(text, encoding="utf-8")
            sync(scratch)
            os.replace(scratch, self.path / _RECORD)

    def parts(self) -> dict[int, Path]:
        """The parts that are done, by the number of their window."""
        found = {path: _PART.fullmatch(path.name) for path in sorted(self.path.glob("part-*"))}
        return {int(named[1]): path for path, named in found.items() if named}

    def add_part(self, number: int, write: Callable[[Path], None]) -> None:
        """Have the part of a window written, whole or not at all. Raises RunError where the disk does not allow it."""
        scratch = self.path / _SCRATCH
        with self._on_disk():
            write(scratch)
            sync(scratch)
            # The name holds a part's digest, so that harm that comes to it later is seen.
            os.replace(scratch, self.path / f"part-{number:08d}-{file_digest(scratch)[:DIGITS]}")
            sync_folder(self.path)

    def spool(self, stream: BinaryIO, path: Path) -> None:
        """Keep what comes over a pipe in a file of this folder. Raises RunError where the disk is full."""
        with self._on_disk(), path.open("wb") as kept:
            shutil.copyfileobj(stream, kept, 2**20)

    def put_together(self, form: Format, on_part: Callable[[int], None]) -> None:
        """Make the output of all parts, and remove them. Raises RunError for a part that was harmed."""
        parts = self.parts()
        with self._on_disk():
            whole = self.path / _WHOLE
            form.put_together(self._checked(parts, on_part), whole)
            sync(whole)
            os.replace(whole, self.target)
            sync_folder(self.target.parent)
        self.clear()

    def clear(self) -> None:
        """Remove what a job has left, but for the lock. Parts go first: without the record they could not serve."""
        for path in self.parts().values():
            path.unlink()
        for name in _OWN - {_LOCK, _HOLDER}:
            (self.path / name).unlink(missing_ok=True)

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

    def _leave(self, lock: WriterLock) -> None:
        """Release the lock, and remove a folder that has no part. The lock stays where anything else does, so that a
        folder that was only half removed is known for ours."""
        cleared = False
        with contextlib.suppress(OSError):  # a folder that cannot be written stays
            if not self.parts():
                self.clear()
                cleared = True
        lock.release(remove=cleared)
        if cleared:
            with contextlib.suppress(OSError):  # so does one that holds something else
                self.path.rmdir()

    def _lock(self) -> WriterLock:
        lock = WriterLock(self.path / _LOCK)
        while True:
            try:
                self.path.mkdir(exist_ok=True)
            except FileExistsError as error:
                raise self._taken(f"{self.path}, which is a file") from error
            except OSError as error:
                raise self._unwritable(error) from error
            try:
                names = {path.name for path in self.path.iterdir()}
                if _LOCK not in names and any(name not in _OWN and not _PART.fullmatch(name) for name in names):
                    raise self._taken(f"{self.path}, which holds something else")
                lock.take()
            except Held as held:
                raise ConfigError(
                    f"--output {self.target}: {held} is writing it. Wait for it, or name another file."
                ) from held
            except FileNotFoundError:
                continue  # another process has just finished, and taken the folder away
            except OSError as error:
                raise self._unwritable(error) from error
            if (self.path / _LOCK).exists():
                return lock
            lock.release()  # as above, a moment later

    def _taken(self, by: str) -> ConfigError:
        return ConfigError(f"--output {self.target}: its parts would go into {by}. Name another file.")

    def _unwritable(self, error: OSError) -> ConfigError:
        return ConfigError(
            f"--output {self.target}: nothing can be written in {self.target.parent} ({error.strerror or error}). "
            "Name a file elsewhere."
        )

    def _checked(self, parts: Mapping[int, Path], on_part: Callable[[int], None]) -> Iterator[Path]:
        for done, number in enumerate(sorted(parts), start=1):
            part = parts[number]
            if file_digest(part)[:DIGITS] != part.name.split("-")[2]:
                part.unlink()
                raise RunError(
                    f"{part} was harmed after it was written, and is removed. The same command with --resume makes it "
                    "again."
                )
            yield part
            on_part(done)

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
