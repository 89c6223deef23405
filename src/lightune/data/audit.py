"""What can be seen of the data without a model: `lightune inspect`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lightune.config import DataConfig
from lightune.data.facts import overlap, split_facts
from lightune.data.split_names import TRAIN
from lightune.data.splits import prepare, split
from lightune.records import Rows


@dataclass(frozen=True)
class Lengths:
    """How long the texts of a split are: mean, median, 90th and 99th percentile, longest."""

    mean: float
    median: float
    p90: float
    p99: float
    max: int


@dataclass(frozen=True)
class SplitAudit:
    """One split of the source. Lengths in characters, words (between blanks) and tokens (None without a tokenizer).

    conflicting_texts: texts that stand there with more than one label. cut_rows: rows longer than the model's limit.
    train_overlap: rows whose text stands in train too.
    """

    rows: int
    labels: Mapping[str, int]
    empty_texts: int
    duplicate_texts: int
    conflicting_texts: int
    train_overlap: int
    characters: Lengths
    words: Lengths
    tokens: Lengths | None = None
    cut_rows: int | None = None


@dataclass(frozen=True)
class Audit:
    """The labelled splits as the source has them, and in `used` the rows of each after the cuts and draws.

    notes: what was left out, cut and drawn, as sentences.
    """

    source: str
    text_column: str
    label_column: str
    label_names: tuple[str, ...]
    positive_label: str | None
    splits: Mapping[str, SplitAudit]
    used: Mapping[str, int]
    max_length: int | None
    notes: tuple[str, ...]


def audit(
    config: DataConfig,
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None = None,
    max_length: int | None = None,
) -> Audit:
    """Look at the data of a configuration. Raises DataError where `load_splits` does.

    count_tokens: texts to their lengths in tokens, special tokens included. max_length: the model's limit in tokens;
    longer texts are counted as cut.
    """
    pool = prepare(config)
    splits = split(pool, config)
    names = pool.label_names
    return Audit(
        source=config.source,
        text_column=pool.text_column,
        label_column=pool.label_column,
        label_names=names,
        positive_label=pool.positive_label,
        splits={
            name: _audit_split(rows, pool.splits[TRAIN] if name != TRAIN else None, names, count_tokens, max_length)
            for name, rows in pool.splits.items()
        },
        used={name: facts.rows for name, facts in splits.facts.splits.items()},
        max_length=max_length,
        notes=splits.facts.notes,
    )


def _audit_split(
    rows: Rows,
    train: Rows | None,
    names: Sequence[str],
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None,
    max_length: int | None,
) -> SplitAudit:
    facts = split_facts(rows, names)
    tokens = None if count_tokens is None else np.asarray(count_tokens(rows.texts), dtype=np.int64)
    return SplitAudit(
        rows=facts.rows,
        labels=facts.labels,
        empty_texts=facts.empty_texts,
        duplicate_texts=facts.duplicate_texts,
        conflicting_texts=_conflicting(rows),
        train_overlap=0 if train is None else overlap(rows, train),
        characters=_lengths([len(text) for text in rows.texts]),
        words=_lengths([len(text.split()) for text in rows.texts]),
        tokens=None if tokens is None else _lengths(tokens),
        cut_rows=None if tokens is None or max_length is None else int((tokens > max_length).sum()),
    )


def _conflicting(rows: Rows) -> int:
    labels: dict[str, set[int]] = {}
    for text, label in zip(rows.texts, rows.labels.tolist(), strict=True):
        labels.setdefault(text, set()).add(label)
    return sum(len(seen) > 1 for seen in labels.values())


def _lengths(values: Sequence[int] | np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Lengths:
    median, p90, p99 = np.percentile(values, [50, 90, 99])
    return Lengths(float(np.mean(values)), float(median), float(p90), float(p99), int(np.max(values)))
