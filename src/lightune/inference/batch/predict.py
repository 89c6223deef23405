"""Whole files of texts labelled, a window of rows at a time, so that a run that was cut off goes on where it was."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from lightune.compute import MERGE_TEXTS, Choices, choosing, onednn_pays
from lightune.data import TEXT_LINES, RowSource, Survey, Window, find_text_column, open_rows, survey
from lightune.digests import file_digest
from lightune.errors import DataError, RunError
from lightune.inference.batch.answering import Answering, answering
from lightune.inference.batch.formats import Delimited, Format, JsonLines, Parquet
from lightune.inference.batch.identity import artefact_digest, differences, machine
from lightune.inference.batch.job import STDIN, JobFolder, JobRecord
from lightune.inference.batch.request import DELIMITED, PIPE, BatchRequest
from lightune.inference.classifier import TextClassifier, load_classifier_folder
from lightune.inference.wanted import check_wanted
from lightune.progress import Progress, silent

CHECK, LABEL, WRITE = "check", "label", "write"


@dataclass(frozen=True)
class Input:
    """An input that was looked at as a whole. digest: of its bytes. stamp: what changes when it is written to."""

    source: RowSource
    survey: Survey
    text_column: str
    digest: str
    stamp: tuple[int, ...]


def predict_file(request: BatchRequest, progress: Progress = silent) -> int:
    """Label each row of a file, or of standard input, and write it with its answers; returns how many rows there are.

    All columns and the order of rows stay. A missing text counts as empty. Memory does not grow with the rows.
    progress hears of `check` (how much of the input is read), `label` (rows; facts `before`: those of an earlier run,
    `kept`: those that no interruption takes back) and `write` (parts). Raises InputError before anything is answered,
    RunError where the disk is full.
    """
    request.check()
    if request.source != PIPE:
        open_rows(request.source)  # so that what is plainly wrong is said before a model is loaded
    job = JobFolder(request.place)
    with job.held():
        parts = job.parts()
        if parts and not request.resume:
            raise job.left_behind()
        begun = job.read() if parts else None
        if begun is None:
            job.clear()
        return _run(request, job, begun, progress)


def _run(request: BatchRequest, job: JobFolder, begun: JobRecord | None, progress: Progress) -> int:
    import torch

    choices = Choices(torch.get_num_threads(), onednn_pays()) if begun is None else begun.choices
    with choosing(choices):
        classifiers = load_classifiers(request)
        with _input(request, job, progress) as given:
            if choices.layouts is None:
                choices = replace(choices, layouts=all(one.layouts_fit() for one in classifiers.values()))
            merging = given.survey.rows >= MERGE_TEXTS if begun is None else begun.merging
            record = JobRecord(_identity(request, given), choices, merging, given.survey.rows, given.survey.windows)
            if begun is not None:
                changed = differences(begun.identity, record.identity)
                if changed:
                    raise job.differs(changed)
            else:
                job.begin(record)
            with choosing(choices):
                _answer(request, job, given, _answering(request, given, classifiers, merging), progress)
            return record.rows


def load_classifiers(request: BatchRequest) -> dict[str, TextClassifier]:
    """Load what is to answer, by what stands before the names of its columns. Raises ModelError, ConfigError."""
    classifiers = {prefix: load_classifier_folder(folder) for prefix, folder in request.arms.items()}
    for prefix, classifier in classifiers.items():
        check_wanted(classifier, classifier.arm or str(request.arms[prefix]), request.wanted)
    return classifiers


def _answering(
    request: BatchRequest, given: Input, classifiers: Mapping[str, TextClassifier], merging: bool
) -> Answering:
    for classifier in classifiers.values():
        # Decided once: a run that goes on has fewer rows left, and must compute as the first one did.
        classifier.merge_adapter(merging)
    return answering(classifiers, request.wanted, given.survey.columns)


def _answer(request: BatchRequest, job: JobFolder, given: Input, answers: Answering, progress: Progress) -> None:
    """Answer for the windows that are not done yet, and put all parts together."""
    form = output_format(request, given, answers)
    done = job.parts()
    rows = before = 0
    total = given.survey.rows
    for number, window in enumerate(given.source.windows(request.cut)):
        if number in done:
            before += window.table.rows
            rows += window.table.rows
            progress(LABEL, rows, total, {"before": before})
            continue
        tick = _ticking(rows, total, len(answers.classifiers), progress)
        columns = answers.columns(texts_of(window, given.text_column), tick)
        _check_unchanged(request, given)
        job.add_part(number, lambda path, w=window, c=columns: form.write_part(path, w, c))  # type: ignore[misc]
        rows += window.table.rows
        progress(LABEL, rows, total, {"kept": rows})
    _check_unchanged(request, given)
    job.put_together(form, lambda part: progress(WRITE, part, given.survey.windows, {}))


def texts_of(window: Window, column: str) -> list[str]:
    """The texts of a window's rows; a missing one counts as empty."""
    values = window.table.columns.get(column)
    return [""] * window.table.rows if values is None else [value or "" for value in values]


def output_format(request: BatchRequest, given: Input, answers: Answering) -> Format:
    """How the output is written, by its ending."""
    names = tuple(given.survey.columns)
    if request.ending in DELIMITED:
        delimiter = "\t" if request.ending == ".tsv" else ","
        return Delimited(delimiter, names, answers.added, request.spreadsheet_safe)
    if request.ending == ".jsonl":
        return JsonLines()
    schema: pa.Schema = getattr(given.source, "schema", None)
    if schema is None:
        schema = pa.schema([pa.field(name, pa.string()) for name in names])
    for field in answers.fields():
        schema = schema.append(field)
    return Parquet(schema)


def _identity(request: BatchRequest, given: Input) -> dict[str, Any]:
    wanted, piped = request.wanted, request.source == PIPE
    saved = {prefix.rstrip("_") or "the arm": artefact_digest(folder) for prefix, folder in request.arms.items()}
    return {
        "the content of the input": given.digest,
        "the ending of the input": request.input_kind or TEXT_LINES if piped else request.source.suffix.lower(),
        "the ending of --output": request.ending,
        "--arm": list(request.arms),
        "--text-column": given.text_column,
        "--top-k": wanted.top_k,
        "--no-probabilities": not wanted.probabilities,
        "--abstain-below": wanted.abstain_below,
        "--calibrated": wanted.calibrated,
        "--spreadsheet-safe": request.spreadsheet_safe,
        "the size of a window": [request.cut.rows, request.cut.size],
        **{f"what {arm} saved": digest for arm, digest in saved.items()},
        **machine(),
    }


@contextmanager
def _input(request: BatchRequest, job: JobFolder, progress: Progress) -> Iterator[Input]:
    """Look at the whole input; standard input is first written into the job's folder, since it comes only once."""
    if request.source != PIPE:
        yield look_at(request, request.source, str(request.source), None, progress)
        return
    spooled = job.path / STDIN
    try:
        job.spool(sys.stdin.buffer, spooled)
        kind = request.input_kind or TEXT_LINES
        yield look_at(request, spooled, STDIN, kind, progress)
    finally:
        spooled.unlink(missing_ok=True)


def look_at(request: BatchRequest, path: Path, name: str, kind: str | None, progress: Progress) -> Input:
    """Read an input from its start to its end, before anything is made of it. Raises DataError."""
    source = open_rows(path, name, kind)
    stamp, digest = _stamp(path), file_digest(path)
    column = None
    if request.ending == ".parquet" and hasattr(source, "schema"):  # the other columns are passed on as they are
        column = find_text_column(next(source.windows(request.cut)).table, request.text_column)
    found = survey(source, request.cut, lambda read, size: progress(CHECK, read, size, {}), column)
    if found.half_pair is not None and request.ending != ".jsonl":
        raise DataError(
            f"{found.half_pair}: a value holds half a surrogate pair, which is no Unicode. Name an --output that ends "
            "in .jsonl, where it can be escaped."
        )
    return Input(source, found, column or find_text_column(found.sample, request.text_column), digest, stamp)


def _check_unchanged(request: BatchRequest, given: Input) -> None:
    """Raise RunError where the input was written to since it was looked at: rows read since may be others."""
    if request.source != PIPE and _stamp(request.source) != given.stamp:
        raise RunError(
            f"{request.source} was written to while it was read. What is done stays in {request.place}.parts: once "
            "the input stays as it is, --resume goes on if its content is what it was; else delete that folder to "
            "begin again."
        )


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes when a file is written to; nothing of one that is gone."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_size, found.st_mtime_ns, found.st_ino


def _ticking(rows: int, total: int, classifiers: int, progress: Progress) -> Callable[[int], None]:
    """Tell of rows as the classifiers go through them, one after the other."""
    units = 0

    def tick(more: int) -> None:
        nonlocal units
        units += more
        progress(LABEL, rows + units // classifiers, total, {})

    return tick
