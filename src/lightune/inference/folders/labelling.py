"""What a worker does, the only one or one of many: load the classifiers once, and turn units into parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lightune.data import Cut, ParquetSlices, Window
from lightune.errors import ConfigError, DataError, RunError
from lightune.inference.batch.answering import Answering, answering
from lightune.inference.batch.formats import Parquet
from lightune.inference.batch.identity import artefact_digest, differences, machine
from lightune.inference.batch.predict import texts_of
from lightune.inference.classifier import TextClassifier, load_classifier_folder
from lightune.inference.folders.output import MARK, OutputFolder, check_same_place, job_digest, mark
from lightune.inference.folders.place import Place, reaching, stamp
from lightune.inference.folders.plan import InputFile, Unit, open_file
from lightune.inference.wanted import Wanted, check_wanted

OnRows = Callable[[int], None]


@dataclass(frozen=True)
class Job:
    """What every worker is told. identity: whatever the answers depend on, by what a person calls it. merging: whether
    adapters are merged."""

    arms: Mapping[str, Path]
    source: Place
    target: Place
    text_column: str
    wanted: Wanted
    cut: Cut
    merging: bool
    identity: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """The job's name."""
        return job_digest(self.identity)


def saved_digests(arms: Mapping[str, Path]) -> dict[str, str]:
    """What the artefacts' folders hold, by what a person calls each."""
    return {f"what {prefix.rstrip('_') or 'the arm'} saved": artefact_digest(at) for prefix, at in arms.items()}


def versions() -> dict[str, Any]:
    """The packages' versions. A processor may differ from node to node: answers then do by their last bits."""
    return {name: told for name, told in machine().items() if name.startswith("the version of ")}


def check_like(job: Job, where: str) -> None:
    """Raise InputError where a worker, called `where`, sees another output, other artefacts or other versions."""
    with reaching(f"{where}: --output", job.target):
        check_same_place(OutputFolder(job.target), job.digest, where)
    for at in job.arms.values():
        if not at.is_dir():
            raise ConfigError(f"{where} does not see {at}: the artefact has to be at the same path on all nodes.")
    seen = {**saved_digests(job.arms), **versions()}
    changed = differences({name: job.identity[name] for name in seen}, seen)
    if changed:
        raise ConfigError(f"{where} is not as the command's own machine; what differs: {', '.join(changed)}.")


class Labeller:
    """Holds the classifiers of a job and labels its units, one at a time. Raises InputError."""

    def __init__(self, job: Job) -> None:
        self._job, self._output = job, OutputFolder(job.target)
        self._classifiers = _load(job)
        self._file: InputFile | None = None
        self._slices: ParquetSlices | None = None

    def label(self, unit: Unit, on_rows: OnRows) -> int:
        """Answer for the rows of `unit` and write its part; returns how many rows it has. on_rows hears how many are
        answered. Raises DataError, RunError where the input changes meanwhile or nothing can be written."""
        self._check_unchanged(unit.file)
        file = self._open(unit.file)
        answers = answering(self._classifiers, self._job.wanted, file.schema.names)
        form = Parquet(_with(file.schema, answers, mark(self._job.digest, unit)))
        sink = pa.BufferOutputStream()
        rows, tick = 0, _counting(on_rows, len(self._classifiers))
        with pq.ParquetWriter(sink, form.schema, write_page_checksum=True) as writer:
            for window in self._windows(file, unit):
                columns = answers.columns(texts_of(window, self._job.text_column), tick)
                writer.write_table(form.table(window, columns), row_group_size=window.table.rows)
                rows += window.table.rows
        if rows != unit.rows:
            raise RunError(f"{file.path}: {rows:,} rows were read where {unit.rows:,} are.")
        self._check_unchanged(unit.file)
        self._output.put(unit.target, sink.getvalue().to_pybytes())
        return rows

    def _windows(self, file: ParquetSlices, unit: Unit) -> Iterator[Window]:
        with reaching(f"{unit.words}:", self._job.source, RunError):
            yield from file.slice_windows(unit.begin, unit.rows, self._job.cut)

    def _open(self, file: InputFile) -> ParquetSlices:
        """The file, which stays open: the next unit mostly lies behind this one."""
        if self._slices is None or self._file != file:
            if self._slices is not None:
                self._slices.close()
            with reaching(f"{file.name}:", self._job.source, RunError):
                self._file, self._slices = file, open_file(self._job.source, file)
        return self._slices

    def _check_unchanged(self, file: InputFile) -> None:
        with reaching(f"{file.name}:", self._job.source, RunError):
            now = stamp(self._job.source, file.path)
        if not now:
            raise DataError(
                f"There is no file {file.path}, which was there when the command began. Do all nodes see it?"
            )
        if now != file.stamp:
            raise RunError(
                f"{file.path} was written to while it was read. What is done stays; if the input's content is what it "
                "was, the same command with --resume goes on."
            )


def _load(job: Job) -> dict[str, TextClassifier]:
    found = {prefix: load_classifier_folder(folder) for prefix, folder in job.arms.items()}
    for prefix, classifier in found.items():
        check_wanted(classifier, classifier.arm or str(job.arms[prefix]), job.wanted)
        classifier.merge_adapter(job.merging)
    return found


def _with(schema: pa.Schema, answers: Answering, marked: bytes) -> pa.Schema:
    for field in answers.fields():
        schema = schema.append(field)
    return schema.with_metadata({**(schema.metadata or {}), MARK: marked})


def _counting(on_rows: OnRows, classifiers: int) -> OnRows:
    """Count rows as the classifiers go through them, one after the other, and tell how many are answered."""
    done = 0

    def tick(more: int) -> None:
        nonlocal done
        done += more
        on_rows(done // classifiers)

    return tick
