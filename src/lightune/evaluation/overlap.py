"""Test rows whose text, or nearly it, stands elsewhere, and the accuracy without them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightune.evaluation.answers import answers
from lightune.evaluation.shingles import Ints, Pairs, shingle_sets, similar_pairs
from lightune.evaluation.words import words
from lightune.records import Overlap, Predictions, Repeat, Rows

TRAIN_SPLITS, TEST = ("train", "validation"), "test"
SHINGLE = 3


def overlap(
    train: Sequence[Rows],
    test: Rows,
    predictions: Mapping[str, Predictions],
    threshold: float = 0.8,
    shown: int = 20,
) -> Overlap:
    """Find the test rows that are like an earlier text: of train, of validation, or a test row before them.

    train: the train rows and, if there are any, the validation rows. predictions: of each arm's first seed, on the rows
    of `test` in their order. threshold: the least similarity, above 0, at most 1.

    Similarity is Jaccard's, of the sets of three words in a row (Broder 1997), whatever their case and punctuation; a
    text of fewer words is one such set. It is exact. 1 means the same words, but for how often a run of them is
    repeated. One changed word of ten leaves about 0.45, so among short texts only repeats are found. A text of symbols
    alone has them as its words; an empty one is like no other.

    shown: rows of in_train and in_test, likest first, equals in the order of test. Each with the likest of the texts
    before it, of equals the first, in the order train, validation, test. The first of several like test rows is so not
    counted in in_test. clean is NaN where no row is clean.

    Raises ValueError where predictions do not fit together or `test` (`answers`), and for a threshold, a `shown` or a
    number of train splits outside what is said above.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold: above 0 and at most 1 is expected, got {threshold}.")
    if shown < 0:
        raise ValueError(f"shown: 0 or more rows are expected, got {shown}.")
    if not 1 <= len(train) <= len(TRAIN_SPLITS):
        raise ValueError(f"train: the train rows and at most the validation rows are expected, got {len(train)} parts.")
    given = answers(predictions, test)
    parts = {**dict(zip(TRAIN_SPLITS, train, strict=False)), TEST: test}
    likest = _likest(_Texts.of(tuple(parts.values())), threshold)
    return Overlap(
        threshold=threshold,
        in_train=int(likest.in_train.sum()),
        in_test=int(likest.in_test.sum()),
        shown=tuple(_shown(likest, parts, shown)),
        accuracy=given.accuracy(),
        clean=given.accuracy(~likest.in_train),
    )


def _shown(likest: _Likest, parts: Mapping[str, Rows], most: int) -> Iterator[Repeat]:
    splits = [split for split, part in parts.items() for _ in range(len(part))]
    labels = np.concatenate([part.labels for part in parts.values()])
    test = parts[TEST]
    rows = np.flatnonzero(likest.in_train | likest.in_test)
    for row in rows[np.argsort(-likest.similarity[rows], kind="stable")[:most]]:
        other = likest.row[row]
        yield Repeat(
            row_id=test.row_ids[row],
            split=splits[other],
            similarity=float(likest.similarity[row]),
            same_label=bool(labels[other] == test.labels[row]),
        )


@dataclass(frozen=True)
class _Texts:
    """All rows, train before validation before test, and their distinct texts in the order in which they come up.

    distinct: [rows], the place in `documents` of each row's text, -1 for an empty one. first, first_test: [documents],
    the first row of all, and of test, with that text; `rows` where test has none.
    """

    rows: int
    test_start: int
    documents: tuple[str, ...]
    distinct: Ints
    first: Ints
    first_test: Ints

    @staticmethod
    def of(parts: Sequence[Rows]) -> _Texts:
        places: dict[str, int] = {}
        distinct = np.array(
            [
                places.setdefault(document, len(places)) if document else -1
                for part in parts
                for document in map(_document, part.texts)
            ],
            dtype=np.int64,
        )
        rows, test_start = len(distinct), len(distinct) - len(parts[-1])
        first, first_test = np.full(len(places), rows), np.full(len(places), rows)
        for start, firsts in ((0, first), (test_start, first_test)):
            held = np.flatnonzero(distinct[start:] >= 0) + start
            np.minimum.at(firsts, distinct[held], held)
        return _Texts(rows, test_start, tuple(places), distinct, first, first_test)


def _document(text: str) -> str:
    """Return the words with a blank between them; of a text of symbols alone those."""
    return " ".join(words(text) or text.split())


@dataclass(frozen=True)
class _Likest:
    """For each test row whether there is a like text, and the likest one before it: [n] each.

    row: its place among all rows; without meaning where there is none, as similarity is then 0.
    """

    in_train: NDArray[np.bool_]
    in_test: NDArray[np.bool_]
    similarity: NDArray[np.float64]
    row: Ints


def _likest(texts: _Texts, threshold: float) -> _Likest:
    """Compare the distinct texts, then say it of the rows: those of the same text differ in which rows are earlier."""
    in_train = texts.first < texts.test_start
    first_test = texts.first_test.copy()
    similarity, at = np.zeros(len(texts.documents)), np.zeros(len(texts.documents), dtype=np.int64)
    for pairs in _pairs(texts, threshold):
        a, b = pairs.asked, pairs.other
        in_train[a[texts.first[b] < texts.test_start]] = True
        np.minimum.at(first_test, a, texts.first_test[b])
        earlier = texts.first[b] < texts.first_test[a]
        a, other, alike = a[earlier], texts.first[b[earlier]], pairs.similarity[earlier]
        order = np.lexsort((other, -alike, a))
        documents, best = np.unique(a[order], return_index=True)
        similarity[documents], at[documents] = alike[order][best], other[order][best]
    rows = np.arange(texts.test_start, texts.rows)
    filled = np.flatnonzero(texts.distinct[texts.test_start :] >= 0)
    document, row = texts.distinct[rows[filled]], rows[filled]
    found = _Likest(*(np.zeros(len(rows), dtype=kind) for kind in (bool, bool, np.float64, np.int64)))
    # The same words earlier are the likest, but for a different text with the same set of shingles before them.
    same = (texts.first[document] < row) & ((similarity[document] < 1) | (texts.first[document] < at[document]))
    found.in_train[filled] = in_train[document]
    found.in_test[filled] = first_test[document] < row
    found.similarity[filled] = np.where(same, 1.0, similarity[document])
    found.row[filled] = np.where(same, texts.first[document], at[document])
    return found


def _pairs(texts: _Texts, threshold: float) -> Iterable[Pairs]:
    if not texts.documents:
        return ()
    in_test = np.flatnonzero(texts.first_test < texts.rows)
    return similar_pairs(shingle_sets(texts.documents, SHINGLE), in_test, threshold)
