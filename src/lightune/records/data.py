"""The texts of a study and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Rows:
    """One split. All fields have the same length n.

    texts: as they stand in the source, never altered. labels: int64, index into the label names; -1 is unlabelled.
    row_ids: `<content hash>-<occurrence>`, the same wherever this text stands in whatever subset. columns: the
    other columns, as strings ("" where the source had no value).
    """

    texts: tuple[str, ...]
    labels: NDArray[np.int64]
    row_ids: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> Rows:
        """Return the rows at `indices`, in that order."""
        at = np.asarray(indices, dtype=np.int64)
        return Rows(
            texts=tuple(self.texts[i] for i in at),
            labels=self.labels[at],
            row_ids=tuple(self.row_ids[i] for i in at),
            columns={name: tuple(values[i] for i in at) for name, values in self.columns.items()},
        )


@dataclass(frozen=True)
class SplitFacts:
    """What one split holds: rows, rows for each label name, empty (blank) texts, texts that repeat an earlier one."""

    rows: int
    labels: Mapping[str, int]
    empty_texts: int
    duplicate_texts: int


@dataclass(frozen=True)
class DataFacts:
    """What the report says of the data. `fingerprint`: SHA-256 over the row ids and labels of every split used.

    notes: sentences for people on what was done ("No validation split: 10 % were cut from train.").
    train_test_overlap: test rows whose text also stands in train or validation.
    """

    source: str
    fingerprint: str
    label_names: tuple[str, ...]
    positive_label: str | None
    text_column: str
    label_column: str
    splits: Mapping[str, SplitFacts]
    train_test_overlap: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Splits:
    """The data of a study. `extra`: further labelled splits that are evaluated beside test, by name."""

    train: Rows
    validation: Rows
    test: Rows
    extra: Mapping[str, Rows]
    facts: DataFacts

    @property
    def label_names(self) -> tuple[str, ...]:
        """The label names in the order of the label ids."""
        return self.facts.label_names

    def evaluated(self) -> dict[str, Rows]:
        """Return the splits that arms are evaluated on, `test` first."""
        return {"test": self.test, **self.extra}
