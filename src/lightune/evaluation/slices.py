"""The accuracy of each arm on parts of the test rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightune.errors import ConfigError
from lightune.evaluation.answers import answers
from lightune.evaluation.english import looks_english
from lightune.evaluation.grouping import by_value, quartiles
from lightune.evaluation.words import words
from lightune.records import Predictions, Rows, Slice

LENGTH, CUT, LABEL, NEGATION = BUILT_IN = ("length", "cut", "label", "negation")
_NEGATIONS = """
    no not never none nobody nothing nowhere neither nor without hardly scarcely barely cannot
    aint arent cant couldnt didnt doesnt dont hadnt hasnt havent isnt shouldnt wasnt werent wont wouldnt
"""
NEGATIONS = frozenset(_NEGATIONS.split())


@dataclass(frozen=True)
class _Part:
    """Some of n rows: the mask [n]."""

    group: str
    name: str
    mask: NDArray[np.bool_]


def slices(
    test: Rows,
    predictions: Mapping[str, Predictions],
    label_names: Sequence[str],
    columns: Sequence[str] = (),
    cut: NDArray[np.bool_] | None = None,
) -> tuple[Slice, ...]:
    """Return the accuracy of each arm on parts of the test rows, with Wilson's intervals.

    predictions: of each arm's first seed, on the rows of `test` in their order. columns: further columns of `test` to
    tell rows apart by. cut: [n], whether a text was longer than the model's limit; None where nothing has a limit.

    The groups, in this order: `length` (quartiles of the number of words), `cut`, `label` (the true one; the accuracy
    is that label's recall), `negation` (English texts only: a word of `NEGATIONS` or one that ends in n't), and each
    column, by value (`by_value`). The slices of a group share no row and hold all rows together. A group that does not
    tell the rows apart is left out, but for the columns. A column with the name of another group is called `column
    NAME`.

    Raises ConfigError for a column that is not there, ValueError where predictions do not fit together or `test`
    (`answers`), or for a `cut` of another length.
    """
    check_slice_columns(test, columns)
    given = answers(predictions, test)
    if cut is not None and cut.shape != (len(test),):
        raise ValueError(f"cut: one value for each of {len(test)} rows is expected, got the shape {cut.shape}.")
    parts = [*_built_in(test, label_names, cut), *_by_columns(test, columns)]
    return tuple(Slice(part.group, part.name, int(part.mask.sum()), given.accuracy(part.mask)) for part in parts)


def check_slice_columns(test: Rows, columns: Sequence[str]) -> None:
    """Raise ConfigError unless the test rows have all these columns."""
    for column in columns:
        if column not in test.columns:
            there = ", ".join(repr(name) for name in test.columns) or "none beside text and label"
            raise ConfigError(f"--slice {column}: the test rows have no such column. Their further columns: {there}.")


def has_negation(text: str) -> bool:
    """Tell whether an English text holds a word of `NEGATIONS` or one that ends in n't."""
    return any(word in NEGATIONS or word.endswith("n't") for word in words(text))


def _built_in(test: Rows, label_names: Sequence[str], cut: NDArray[np.bool_] | None) -> Iterator[_Part]:
    lengths = np.array([len(words(text)) for text in test.texts])
    groups = {LENGTH: quartiles(lengths, unit="word")}
    if cut is not None:
        groups[CUT] = {"cut": cut, "whole": ~cut}
    groups[LABEL] = {name: test.labels == label for label, name in enumerate(label_names)}
    if looks_english(test.texts):
        negated = np.array([has_negation(text) for text in test.texts])
        groups[NEGATION] = {"with negation": negated, "without negation": ~negated}
    for group, masks in groups.items():
        held = {name: mask for name, mask in masks.items() if mask.any()}
        if len(held) > 1:
            yield from (_Part(group, name, mask) for name, mask in held.items())


def _by_columns(test: Rows, columns: Sequence[str]) -> Iterator[_Part]:
    for column in dict.fromkeys(columns):
        group = f"column {column}" if column in BUILT_IN else column
        yield from (_Part(group, name, mask) for name, mask in by_value(test.columns[column]).items())
