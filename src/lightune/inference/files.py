"""Whole files of texts labelled: a table in, the same table with labels and probabilities beside it out."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lightune.data import find_text_column, read_table
from lightune.errors import ConfigError, DataError
from lightune.inference.classifier import Answer, TextClassifier, answer
from lightune.progress import counting
from lightune.whole import whole_file

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")
Columns = Mapping[str, Sequence[str | float | None]]


def predict_file(
    classifiers: Mapping[str, TextClassifier],
    source: Path,
    target: Path,
    text_column: str | None = None,
    on_rows: Callable[[int, int], None] | None = None,
) -> int:
    """Label each row of `source` and write its columns, in its order, and the answers to `target`; returns the rows.

    classifiers: by the prefix of their columns; "" names the main one, whose columns are `label`, `score` and
    `p_<label>` (with `predicted_` before a name that `source` already has). on_rows hears (rows done, rows in all).
    A missing text counts as empty. Raises DataError, ConfigError.
    """
    check_target(source, target)
    table = read_table(source)
    texts = [text or "" for text in table.columns[find_text_column(table, text_column)]]
    columns: dict[str, Sequence[str | float | None]] = dict(table.columns)
    tick = None if on_rows is None else counting(len(texts) * len(classifiers), on_rows)
    for prefix, classifier in classifiers.items():
        probabilities = classifier.probabilities(texts, tick)
        answers = [answer(text, classifier.label_names, row) for text, row in zip(texts, probabilities, strict=True)]
        for name, values in _answer_columns(answers, classifier.label_names).items():
            columns[free_name(prefix + name, columns)] = values
    write_table(target, columns)
    return len(texts)


def check_target(source: Path, target: Path, option: str = "--output") -> None:
    """Raise ConfigError, naming the option, when `target` cannot be written: before any work is done."""
    if target.suffix.lower() not in FORMATS:
        raise ConfigError(f"{option} {target}: a file that ends in {', '.join(FORMATS)} is expected.")
    if target.resolve() == source.resolve():
        raise ConfigError(f"{option} {target}: another file than the input is expected; it would be overwritten.")
    if not target.resolve().parent.is_dir():
        raise ConfigError(f"{option} {target}: the folder {target.parent} does not exist; make it first.")
    if target.is_dir():
        raise ConfigError(f"{option} {target}: a file is expected, but it is a folder.")


def write_table(path: Path, columns: Columns) -> None:
    """Write columns of equal length as CSV, TSV, JSON lines or Parquet, by the ending, whole or not at all."""
    try:
        with whole_file(path) as scratch:
            _write(path.suffix.lower(), scratch, columns)
    except UnicodeEncodeError as error:
        raise DataError(
            f"{path} cannot be written: a value holds half a surrogate pair, which is no Unicode. Name a .jsonl file, "
            "where it can be escaped."
        ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}.") from error


def _write(ending: str, scratch: Path, columns: Columns) -> None:
    if ending == ".parquet":
        pq.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), scratch)
    elif ending == ".jsonl":
        _write_json_lines(scratch, columns)
    else:
        _write_delimited(scratch, columns, "\t" if ending == ".tsv" else ",")


def _write_json_lines(path: Path, columns: Columns) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as handle:
        for row in zip(*columns.values(), strict=True):
            line = json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False)
            if any("\ud800" <= character <= "\udfff" for character in line):
                line = json.dumps(dict(zip(columns, row, strict=True)))
            handle.write(line + "\n")


def _write_delimited(path: Path, columns: Columns, delimiter: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        plain = csv.writer(handle, delimiter=delimiter, lineterminator="\n")
        # Before 3.13 the csv module leaves a lone carriage return unquoted, which every reader takes for a line's end.
        quoted = csv.writer(handle, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        for row in (tuple(columns), *zip(*columns.values(), strict=True)):
            writer = quoted if any(isinstance(value, str) and "\r" in value for value in row) else plain
            writer.writerow(row)


def _answer_columns(answers: Sequence[Answer], label_names: Sequence[str]) -> dict[str, Sequence[str | float | None]]:
    columns: dict[str, Sequence[str | float | None]] = {
        "label": [one.label for one in answers],
        "score": [one.score for one in answers],
    }
    for name in label_names:
        columns[f"p_{name}"] = [one.probabilities[name] for one in answers]
    return columns


def free_name(name: str, taken: Mapping[str, object]) -> str:
    """Return the name of a new column: `name`, with `predicted_` before it as often as it is taken."""
    while name in taken:
        name = f"predicted_{name}"
    return name
