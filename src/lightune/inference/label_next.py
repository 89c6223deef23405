"""A file of unlabelled texts, put in the order in which labelling them would teach most."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from lightune.data import Table, find_text_column, read_table
from lightune.evaluation import rank_unlabelled
from lightune.inference.classifier import Answer, TextClassifier, answer
from lightune.inference.files import check_target, free_name, write_table
from lightune.progress import counting
from lightune.records import Ranked


def label_next(
    classifier: TextClassifier,
    source: Path,
    target: Path,
    text_column: str | None = None,
    on_rows: Callable[[int, int], None] | None = None,
) -> int:
    """Write the rows of `source` to `target` in the order of `rank_unlabelled`; return how many there are.

    source: what `predict_file` reads; a missing text counts as empty. target: a .csv, .tsv, .jsonl or .parquet file,
    written whole or not at all. on_rows hears (rows done, rows in all) while the classifier answers. Raises DataError,
    ConfigError.
    """
    check_target(source, target, "--label-next")
    table = read_table(source)
    texts = [text or "" for text in table.columns[find_text_column(table, text_column)]]
    tick = None if on_rows is None else counting(len(texts), on_rows)
    probabilities = classifier.probabilities(texts, tick)
    answers = [answer(text, classifier.label_names, row) for text, row in zip(texts, probabilities, strict=True)]
    write_ranking(target, table, rank_unlabelled(texts, probabilities), answers)
    return len(texts)


def write_ranking(path: Path, table: Table, ranked: Sequence[Ranked], answers: Sequence[Answer]) -> None:
    """Write `rank`, the columns of `table`, and why each row stands where it does, by the ending of `path`.

    table, answers: by row; ranked: each row once, in the order to write. After the table's columns stand
    `predicted_label` and its `probability`, `uncertainty`, `typicality`, `novelty` and `priority` (the score), with
    `predicted_` before a name that the table has. Values are written as they are, as `predict_file` does: a text that
    begins with "=" is one that a spreadsheet may take for a formula. Raises DataError; then nothing was written.
    """
    said = [answers[one.index] for one in ranked]
    added: dict[str, Sequence[str | float | None]] = {
        "predicted_label": [one.label for one in said],
        "probability": [one.score for one in said],
        "uncertainty": [one.uncertainty for one in ranked],
        "typicality": [one.typicality for one in ranked],
        "novelty": [one.novelty for one in ranked],
        "priority": [one.score for one in ranked],
    }
    columns: dict[str, Sequence[str | float | None]] = {}
    columns[free_name("rank", table.columns)] = [one.rank for one in ranked]
    columns |= {name: [values[one.index] for one in ranked] for name, values in table.columns.items()}
    for name, values in added.items():
        columns[free_name(name, columns)] = values
    write_table(path, columns)
