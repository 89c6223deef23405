"""Answers to standard output, as JSON lines: of a file's rows, or of lines as they come in."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import BinaryIO

from lightune.compute import MERGE_TEXTS
from lightune.data import JSON_LINES, TEXT_LINES, Cut, Part, Utf8, Window, known_text_column
from lightune.data.json_lines import JSON_SPACE, json_window
from lightune.data.row_sources import text_window
from lightune.data.windows import LONGEST_ROW, Filling
from lightune.errors import DataError
from lightune.inference.batch.answering import answering
from lightune.inference.batch.formats import json_rows, spliced
from lightune.inference.batch.job import STDIN
from lightune.inference.batch.predict import LABEL, load_classifiers, look_at, texts_of
from lightune.inference.batch.request import PIPE, BatchRequest
from lightune.inference.files import free_name
from lightune.inference.wanted import Values
from lightune.printable import json_line, printable_json
from lightune.progress import Progress, silent

_PIECE = 2**16


def predict_to_pipe(request: BatchRequest, progress: Progress = silent) -> int:
    """Label each row of a file, or each line of standard input once it is there, and write it with its answers to
    standard output as UTF-8, an object a line; returns how many there were.

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
        _write(json_rows(window, answers.columns(texts_of(window, given.text_column))))
        rows += window.table.rows
        progress(LABEL, rows, given.survey.rows, {})
    return rows


def _lines(request: BatchRequest, progress: Progress) -> int:
    """Answer for lines as they come: those that are there together, each once its line end is."""
    answers = answering(load_classifiers(request), request.wanted, ())
    rows, line = 0, 1
    for lines in _arriving(sys.stdin.buffer, request.cut):
        if request.input_kind == JSON_LINES:
            objects = _objects(lines, line)
            texts = [_text_of(one, request.text_column) for one in objects]
            _write(_beside(objects, answers.columns(texts)))
            rows += len(objects)
        else:
            _write(json_rows(text_window(STDIN, lines, line, 0), answers.columns(lines)))
            rows += len(lines)
        line += len(lines)
        progress(LABEL, rows, 0, {})
    return rows


def _objects(lines: list[str], line: int) -> list[Window]:
    """A window for each of `lines`, the first of which is number `line`, that is not blank."""
    stripped = ((number, text.strip(JSON_SPACE)) for number, text in enumerate(lines, start=line))
    return [json_window(STDIN, [text], 0, [number]) for number, text in stripped if text]


def _text_of(window: Window, name: str | None) -> str:
    """The text of the only row. Its line alone decides which it is: when others come must make no difference."""
    table = window.table
    column = known_text_column(replace(table, parts=(Part(table.where(0), 1),)), name)
    return table.columns[column][0] or ""


def _beside(objects: list[Window], added: Mapping[str, Values]) -> Iterator[str]:
    """Each object with ours behind what is in it, by names that it leaves free."""
    for at, window in enumerate(objects):
        named: dict[str, object] = {}
        for name, values in added.items():
            named[free_name(name, {**window.table.columns, **named})] = values[at]
        yield spliced((window.lines or [""])[0], json_line(named))


def _write(lines: Iterable[str]) -> None:
    # As bytes, since the encoding of sys.stdout is that of the user's locale. It may be a terminal.
    sys.stdout.buffer.write("".join(f"{printable_json(line)}\n" for line in lines).encode())
    sys.stdout.buffer.flush()


def _arriving(stream: BinaryIO, cut: Cut) -> Iterator[list[str]]:
    """Give lines, without their ends, as soon as they are there, a window's at once; a last one needs no end."""
    check = Utf8(STDIN, TEXT_LINES)
    descriptor = stream.fileno()
    held: list[bytes] = []
    ended = False
    while not ended:
        lines: list[bytes] = []
        size = 0
        while not ended and (not lines or (len(lines) < cut.rows and size < cut.size and _is_there(descriptor))):
            data = os.read(descriptor, _PIECE)
            ended = not data
            size += len(data)
            first, *others = check.checked(data, last=ended).split(b"\n")
            held.append(first)
            for line in others:
                lines.append(b"".join(held))
                held = [line]
            if sum(map(len, held)) > LONGEST_ROW:
                raise DataError(f"{STDIN}: a line does not end within {LONGEST_ROW / 2**20:,.0f} MB.")
        if ended and any(held):
            lines.append(b"".join(held))
        yield from _windows(lines, cut)


def _windows(lines: list[bytes], cut: Cut) -> Iterator[list[str]]:
    filling, held = Filling(cut), list[str]()
    for line in lines:
        if not filling.takes(len(line)):
            yield held
            filling, held = Filling(cut), []
            filling.takes(len(line))
        held.append(line.decode().removesuffix("\r"))
    if held:
        yield held


def _is_there(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 0)[0])
