"""What the report says of the data: counts, overlap, fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np

from lightune.data.split_names import TEST, TRAIN, VALIDATION
from lightune.records import DataFacts, Rows, SplitFacts


def data_facts(
    source: str,
    splits: Mapping[str, Rows],
    label_names: tuple[str, ...],
    positive_label: str | None,
    text_column: str,
    label_column: str,
    notes: Sequence[str],
) -> DataFacts:
    """Describe the splits as they are used. The overlap counts test rows whose text is in train or validation."""
    return DataFacts(
        source=source,
        fingerprint=fingerprint(splits, label_names),
        label_names=label_names,
        positive_label=positive_label,
        text_column=text_column,
        label_column=label_column,
        splits={name: split_facts(rows, label_names) for name, rows in splits.items()},
        train_test_overlap=overlap(splits[TEST], splits[TRAIN], splits[VALIDATION]),
        notes=tuple(notes),
    )


def split_facts(rows: Rows, label_names: Sequence[str]) -> SplitFacts:
    """Count rows, labels, blank texts and texts that repeat an earlier one."""
    counts = np.bincount(rows.labels, minlength=len(label_names))
    return SplitFacts(
        rows=len(rows),
        labels={name: int(count) for name, count in zip(label_names, counts, strict=True)},
        empty_texts=sum(not text.strip() for text in rows.texts),
        duplicate_texts=len(rows) - len(set(rows.texts)),
    )


def overlap(rows: Rows, *others: Rows) -> int:
    """Count the rows whose exact text stands in one of the others."""
    texts = {text for other in others for text in other.texts}
    return sum(text in texts for text in rows.texts)


def fingerprint(splits: Mapping[str, Rows], label_names: Sequence[str]) -> str:
    """SHA-256 over the labels' order and the splits in order of name, each with its rows' ids and label names."""
    digest = hashlib.sha256(json.dumps(list(label_names)).encode())
    for name in sorted(splits):
        digest.update(json.dumps([name, len(splits[name])]).encode())
        for row_id, label in zip(splits[name].row_ids, splits[name].labels, strict=True):
            digest.update(json.dumps([row_id, label_names[label]]).encode())
    return digest.hexdigest()
