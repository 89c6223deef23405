"""An output's folder: a record of the job, a file a unit that is done, and at the end the counts of rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lightune.errors import ConfigError, DataError, RunError
from lightune.inference.batch.identity import differences
from lightune.inference.folders.place import Place, reaching
from lightune.inference.folders.plan import ENDING, Plan, Unit, is_hidden
from lightune.writer import Held, WriterLock

FORMAT = 1
# Names that readers of such folders pass over.
RECORD, SUCCESS, _LOCK = "_lightune.json", "_SUCCESS", ".lock"
_OWN = (RECORD, SUCCESS, _LOCK, f"{_LOCK}.holder")
# In the schema's metadata of a part: whose it is.
MARK = b"lightune"


@dataclass(frozen=True)
class Counts:
    """What stands in `_SUCCESS`. parts: files of the output."""

    rows_in: int
    rows_out: int
    files_in: int
    parts: int
    job: str


def job_digest(identity: Mapping[str, Any]) -> str:
    """A name for a job: whatever its answers depend on."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def mark(job: str, unit: Unit) -> bytes:
    """What a part says of itself: of which job and which rows it is the answer."""
    told = {"job": job, "file": unit.file.name, "first_row": unit.begin, "rows": unit.rows}
    return json.dumps(told, sort_keys=True).encode()


class OutputFolder:
    """The folder that the parts are written to. Whoever else writes there writes the same: a part has the name and the
    content that its unit and its job give it, and takes its place whole."""

    def __init__(self, place: Place) -> None:
        self.place = place

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder, where it is one of this machine, and hold its lock. It goes again where nothing is in it.

        Raises ConfigError where another process holds it, or it cannot be made.
        """
        path = self.place.local
        if path is None:
            yield
            return
        lock = WriterLock(path / _LOCK)
        try:
            path.mkdir(exist_ok=True)
            lock.take()
        except Held as held:
            raise ConfigError(
                f"--output {self.place.name}: {held} is writing it. Wait for it, or name another folder."
            ) from held
        except OSError as error:
            raise ConfigError(
                f"--output {self.place.name}: nothing can be written there ({error.strerror or error})."
            ) from error
        try:
            self.place.sweep()
            yield
        finally:
            self.place.sweep()  # what workers that were killed have left
            lock.release(remove=True)
            if not any(path.iterdir()):
                path.rmdir()

    def begin(self, identity: Mapping[str, Any], plan: Plan, resume: bool) -> dict[str, Unit]:
        """Look at what is there, and write the record of a job that begins; returns the units that are not done, by
        the names of their parts.

        Raises ConfigError for a folder that holds something else, another job, or this one where it is not asked to
        go on, and where nothing can be written.
        """
        wanted = {unit.target: unit for unit in plan.units}
        with reaching("--output", self.place):
            found = self.place.files()
            begun = self._read()
        others = [name for name in found if name not in _OWN]
        if begun is None or not others:  # a record without a part binds nobody
            if others:
                raise self._refused(f"it holds something else, {others[0]} for one. Name another folder")
            self._begin(identity)
            return wanted
        changed = differences(begun, json.loads(json.dumps(identity)))
        if not resume:
            raise self._refused(self._left(found, plan, changed))
        if changed:
            raise ConfigError(
                f"--resume: {self.place.name} was begun otherwise; what differs: {', '.join(changed)}. Give what it "
                "was begun with, or name another folder."
            )
        self._check_strangers(found, wanted)
        with reaching("--output", self.place):
            done = self._done([unit for name, unit in wanted.items() if name in found], job_digest(identity))
            left = {name: unit for name, unit in wanted.items() if name not in done}
            if left:
                self.place.remove(SUCCESS)
        return left

    def _begin(self, identity: Mapping[str, Any]) -> None:
        record = {"format": FORMAT, "identity": identity}
        try:
            self.place.put(RECORD, json.dumps(record, indent=1).encode())
        except Exception as error:  # a disk's, or of a kind of its driver's own
            raise ConfigError(
                f"--output {self.place.name} cannot be written to: {_words(error)}. Look at the address, the rights "
                "and the room there."
            ) from error

    def put(self, name: str, data: bytes) -> None:
        """Write a file whole. Raises RunError where the place does not take it."""
        try:
            self.place.put(name, data)
        except Exception as error:  # as above
            raise RunError(
                f"{self.place.at(name)} cannot be written: {_words(error)}. What is done stays; once that is mended, "
                "the same command with --resume goes on."
            ) from error

    def knows(self, job: str) -> bool:
        """Whether this is the folder that a job was begun in, as seen from here."""
        begun = self._read()
        return begun is not None and job_digest(begun) == job

    def forget(self) -> None:
        """Remove the record of a job that has done nothing."""
        self.place.remove(RECORD)

    def finish(self, job: str, plan: Plan) -> Counts:
        """Count the rows of all parts, and write that the output is whole. Raises RunError where it is not."""
        with reaching("--output", self.place, RunError):
            found = self.place.files()
            # All are asked for: NFS may list a folder as it was before other nodes wrote there.
            done = self._done(plan.units, job)
        try:
            self._check_strangers(found, {unit.target: unit for unit in plan.units})
        except ConfigError as error:
            raise RunError(str(error)) from error
        missing = [unit for unit in plan.units if unit.target not in done]
        rows = sum(done.values())
        if missing or rows != plan.rows:
            raise RunError(
                f"{self.place.name}: {rows:,} of {plan.rows:,} rows are there; what is not: "
                f"{missing[0].target if missing else 'none'}, {len(missing):,} parts in all. Does every node write to "
                "the same folder? The same command with --resume makes them."
            )
        counts = Counts(plan.rows, rows, plan.files, len(done), job)
        self.put(SUCCESS, json.dumps(vars(counts), indent=1).encode())
        return counts

    def _read(self) -> dict[str, Any] | None:
        """The identity of the job that was begun here; None: there is none. Raises ConfigError where it is damaged."""
        data = self.place.read(RECORD)
        if data is None:
            return None
        try:
            found = json.loads(data)
            if found["format"] != FORMAT:
                raise ValueError
            return dict(found["identity"])
        except (ValueError, KeyError, TypeError) as error:
            raise self._refused(
                f"its {RECORD} is no record of a job of this version of lightune. Name another folder"
            ) from error

    def _done(self, units: Sequence[Unit], job: str) -> dict[str, int]:
        """The rows of those parts that are whole and of this job, by their names."""
        with ThreadPoolExecutor(self.place.readers) as pool:
            whole = list(pool.map(lambda unit: self._is_whole(unit, job), units))
        return {unit.target: unit.rows for unit, there in zip(units, whole, strict=True) if there}

    def _is_whole(self, unit: Unit, job: str) -> bool:
        """Whether a part is there, whole and of this job. The footer of Parquet is written last."""
        try:
            with pq.ParquetFile(self.place.at(unit.target), filesystem=self.place.arrow) as file:
                told: bytes | None = file.metadata.metadata.get(MARK)
                return bool(file.metadata.num_rows == unit.rows) and told == mark(job, unit)
        except (pa.ArrowException, OSError, AttributeError):  # no footer, or one without metadata
            return False

    def _check_strangers(self, found: Mapping[str, int], wanted: Mapping[str, Unit]) -> None:
        """Raise ConfigError for Parquet that is none of the parts: who reads the folder would take it for rows."""
        strangers = [n for n in found if n.lower().endswith(ENDING) and n not in wanted and not is_hidden(n)]
        if strangers:
            raise self._refused(f"it holds {strangers[0]}, which is no part of this job. Move that elsewhere")

    def _left(self, found: Mapping[str, int], plan: Plan, changed: Sequence[str]) -> str:
        if changed:
            return "it holds another job's output. Name another folder"
        if SUCCESS in found:
            return "it holds this very output, whole. Name another folder, or delete it to begin again"
        done = sum(unit.target in found for unit in plan.units)
        return (
            f"a run that was cut off has left {done:,} of {len(plan.units):,} parts in it. Go on with --resume, or "
            "delete it to begin again"
        )

    def _refused(self, why: str) -> ConfigError:
        return ConfigError(f"--output {self.place.name}: {why}.")


def _words(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")


def check_same_place(output: OutputFolder, job: str, where: str) -> None:
    """Raise DataError where a worker, called `where`, does not see the folder in which the job was begun."""
    if not output.knows(job):
        raise DataError(
            f"{where} does not see the output's folder {output.place.name} that the command sees. Put input, output "
            "and artefacts on a file system that all nodes share at the same path, or into an object store."
        )
