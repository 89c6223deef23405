"""The answers of several classifiers for the rows of a window, as columns with names of their own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from lightune.inference.classifier import TextClassifier
from lightune.inference.files import free_name
from lightune.inference.wanted import Values, Wanted, answer_columns, label_columns


@dataclass(frozen=True)
class Answering:
    """classifiers: by what stands before the names of their columns. names: of their columns, by that and our name for
    them; numbers: those that hold numbers."""

    classifiers: Mapping[str, TextClassifier]
    wanted: Wanted
    names: Mapping[tuple[str, str], str]
    numbers: frozenset[str]

    def columns(self, texts: Sequence[str], on_rows: Callable[[int], None] | None = None) -> dict[str, Values]:
        """Answer for `texts`. on_rows hears of the rows that each classifier has done."""
        made: dict[str, Values] = {}
        for prefix, classifier in self.classifiers.items():
            probabilities = classifier.probabilities(texts, on_rows, self.wanted.calibrated)
            for name, values in answer_columns(classifier.label_names, probabilities, self.wanted).items():
                made[self.names[prefix, name]] = values
        return made

    @property
    def added(self) -> tuple[str, ...]:
        """The columns' names in their order."""
        return tuple(self.names.values())

    def fields(self) -> list[pa.Field]:
        """The columns in a Parquet file."""
        return [pa.field(name, pa.float64() if name in self.numbers else pa.string()) for name in self.added]


def answering(classifiers: Mapping[str, TextClassifier], wanted: Wanted, taken: Collection[str]) -> Answering:
    """Name the columns of the answers. taken: names that the input has; ours give way with `predicted_` before them."""
    names: dict[tuple[str, str], str] = {}
    numbers = set()
    used = dict.fromkeys(taken)
    for prefix, classifier in classifiers.items():
        for name, is_number in label_columns(classifier.label_names, wanted).items():
            free = free_name(prefix + name, used)
            used[free] = None
            names[prefix, name] = free
            if is_number:
                numbers.add(free)
    return Answering(classifiers, wanted, names, frozenset(numbers))
