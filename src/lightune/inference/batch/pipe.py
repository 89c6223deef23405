"""Answers to standard output, as JSON lines: of a file's rows, or of lines as they come in."""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from lightune.compute import MERGE_TEXTS
from lightune.data import JSON_LINES, TEXT_LINES, Utf8, Window, find_text_column
from lightune.data.json_lines import JSON_SPACE, json_window
from lightune.data.row_sources import text_window
from lightune.data.windows import LONGEST_ROW
from lightune.errors import DataError
from lightune.inference.batch.answering import Answering, answering
from lightune.inference.batch.formats import json_rows, spliced
from lightune.inference.batch.job import STDIN
from lightune.inference.batch.predict import LABEL, load_classifiers, look_at, texts_of
from lightune.inference.batch.request import PIPE, BatchRequest
from lightune.inference.files import free_name
from lightune.inference.wanted import Values
from lightune.inference.writing import json_line
from lightune.progress import Progress, silent

_PIECE = 2**16


def predict_to_pipe(request: BatchRequest, progress: Progress = silent) -> int:
    """Label each row of a file, or each line of standard input once it is there, and write it with its answers to
    standard output, an object a line; returns how many there were.

    Nothing is kept, so that what was cut off begins anew. Raises InputError; of standard input only when it comes to
    what is wrong there.
    """
    request.check()
    if request.source == PIPE:
        return _lines(request, progress)
    classifiers = load_classifiers(request)
    given = look_at(request, request.source, str(request.source), None, progress)
    for classifier in classifiers.values():
        classifier.merge_adapter(given.survey.rows >= MERGE_TEXTS)
    answers = answering(classifiers, request.wanted, given.survey.columns)
    rows = 0
    for window in given.source.windows(request.cut):
        rows += _write(window, texts_of(window, given.text_column), answers)
        progress(LABEL, rows, given.survey.rows, {})
    return rows


def _lines(request: BatchRequest, progress: Progress) -> int:
    """Answer for lines as they come: those that are there together, each once its line end is."""
    answers = answering(load_classifiers(request), request.wanted, ())
    is_json = request.input_kind == JSON_LINES
    column = None if is_json else "text"
    rows, line = 0, 1
    for lines in _arriving(sys.stdin.buffer, request.cut.rows):
        window = _json_window(lines, line) if is_json else text_window(STDIN, lines, line, 0)
        line += len(lines)
        if window is None:
            continue
        column = column or find_text_column(window.table, request.text_column)
        rows += _write(window, texts_of(window, column), answers)
        progress(LABEL, rows, 0, {})
    return rows


def _json_window(lines: list[str], line: int) -> Window | None:
    """The objects among `lines`, the first of which is number `line`; None where all of them are blank."""
    numbered = [(line + at, text.strip(JSON_SPACE)) for at, text in enumerate(lines) if text.strip(JSON_SPACE)]
    if not numbered:
        return None
    return json_window(STDIN, [text for _, text in numbered], 0, [number for number, _ in numbered])


def _write(window: Window, texts: list[str], answers: Answering) -> int:
    columns = answers.columns(texts)
    sys.stdout.write("".join(f"{line}\n" for line in _objects(window, columns)))
    sys.stdout.flush()
    return window.table.rows


def _objects(window: Window, added: Mapping[str, Values]) -> Iterator[str]:
    """As `json_rows`, but where an object has a key of ours already, ours gives way in that object."""
    if window.lines is None or not set(added) & set(window.table.columns):
        yield from json_rows(window, added)
        return
    for given, values in zip(window.lines, zip(*added.values(), strict=True), strict=True):
        taken = dict.fromkeys(json.loads(given))
        named: dict[str, object] = {}
        for name, value in zip(added, values, strict=True):
            named[free_name(name, {**taken, **named})] = value
        yield spliced(given, json_line(named))


def _arriving(stream: BinaryIO, most: int) -> Iterator[list[str]]:
    """Give lines, without their ends, as soon as they are there, `most` at once; a last one needs no end."""
    check = Utf8(STDIN, TEXT_LINES)
    descriptor = stream.fileno()
    held: list[bytes] = []
    ended = False
    while not ended:
        lines: list[bytes] = []
        while not ended and (not lines or (len(lines) < most and _is_there(descriptor))):
            data = os.read(descriptor, _PIECE)
            ended = not data
            first, *others = check.checked(data, last=ended).split(b"\n")
            held.append(first)
            for line in others:
                lines.append(b"".join(held))
                held = [line]
            if sum(map(len, held)) > LONGEST_ROW:
                raise DataError(f"{STDIN}: a line does not end within {LONGEST_ROW / 2**20:,.0f} MB.")
        if ended and any(held):
            lines.append(b"".join(held))
        for start in range(0, len(lines), most):
            yield [one.decode().removesuffix("\r") for one in lines[start : start + most]]


def _is_there(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 0)[0])
