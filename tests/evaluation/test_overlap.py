from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from lightune.evaluation import overlap, wilson
from lightune.evaluation import shingles as module
from lightune.evaluation.shingles import shingle_sets, similar_pairs
from lightune.records import Overlap, Repeat, Rows

from .helpers import from_predicted

TEN = "one two three four five six seven eight nine ten"


def rows_of(texts: Sequence[str], labels: Sequence[int] | None = None) -> Rows:
    given = np.zeros(len(texts), dtype=np.int64) if labels is None else np.asarray(labels)
    return Rows(tuple(texts), given, tuple(f"row-{i}" for i in range(len(texts))))


def found(
    train: Sequence[str], test: Sequence[str], validation: Sequence[str] = (), **options: object
) -> tuple[Overlap, dict[str, Repeat]]:
    """The overlap of texts that all have the label 0; and its shown rows by id."""
    predictions = {"lora": from_predicted([0] * len(test), [0] * len(test))}
    record = overlap([rows_of(train), rows_of(validation)], rows_of(test), predictions, **options)
    return record, {repeat.row_id: repeat for repeat in record.shown}


def jaccard(a: str, b: str, n: int) -> float:
    sets = []
    for text in (a, b):
        words = text.split()
        sets.append({tuple(words[at : at + n]) for at in range(max(1, len(words) - n + 1))})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def test_a_known_similarity() -> None:
    # Of eight shingles each, the two share seven.
    record, shown = found([TEN], [TEN.replace("ten", "eleven"), "something else of some length"], threshold=0.7)
    assert shown["row-0"] == Repeat("row-0", "train", 7 / 9, True)
    assert (record.in_train, record.in_test, record.threshold) == (1, 0, 0.7)
    # In the middle, one word is in three of them: 5 of 11.
    middle = TEN.replace("five", "5")
    assert found([TEN], [middle], threshold=5 / 11)[1]["row-0"].similarity == 5 / 11
    assert found([TEN], [middle], threshold=0.46)[0].in_train == 0


def test_case_punctuation_and_blanks_do_not_count() -> None:
    record, shown = found(["It's good, isn’t it?\n", "ok"], ["IT’S GOOD isn't it", "<< Ok! >>", "ok then"])
    assert record.in_train == 2
    assert {row.similarity for row in shown.values()} == {1.0}
    assert set(shown) == {"row-0", "row-1"}


def test_texts_shorter_than_a_shingle_are_like_only_if_all_words_are() -> None:
    record, _ = found(["good film", "a b c"], ["good", "film good", "good film", "a b"], threshold=0.01)
    assert record.in_train == 1


def test_empty_texts_are_like_nothing_and_symbols_are_words() -> None:
    record, shown = found(["", " \n", "🎉 🎉", "..."], ["", "  ", "🎉 🎉", "🎉"])
    assert (record.in_train, record.in_test) == (1, 0)
    assert set(shown) == {"row-2"}
    nothing, _ = found([""], ["", "\t"])
    assert (nothing.in_train, nothing.in_test, nothing.clean["lora"]) == (0, 0, wilson(2, 2))


def test_a_text_that_repeats_within_test_counts_from_the_second_time_on() -> None:
    record, shown = found(["other words here"], [TEN, "nothing of that kind", TEN.upper(), TEN + " eleven"])
    assert (record.in_train, record.in_test) == (0, 2)
    assert shown == {
        "row-2": Repeat("row-2", "test", 1.0, True),
        "row-3": Repeat("row-3", "test", 8 / 9, True),
    }
    assert record.clean == record.accuracy


def test_the_likest_is_shown_and_of_equals_the_one_in_train() -> None:
    near, nearer = TEN + " x", TEN + " x y"
    record, shown = found([near], [TEN, nearer, near, TEN], validation=[nearer, TEN], threshold=0.5)
    assert (record.in_train, record.in_test) == (4, 3)
    assert [(row.row_id, row.split, row.similarity) for row in record.shown] == [
        ("row-0", "validation", 1.0),
        ("row-1", "validation", 1.0),
        ("row-2", "train", 1.0),
        ("row-3", "validation", 1.0),
    ]
    # A test row nearer than any of train is the one shown.
    _, shown = found([nearer], [near, TEN], threshold=0.5)
    assert (shown["row-0"].split, shown["row-0"].similarity) == ("train", 0.9)
    assert (shown["row-1"].split, shown["row-1"].similarity) == ("test", 8 / 9)


def test_labels_are_compared_and_accuracy_is_told_with_and_without() -> None:
    labels = [0, 1, 1, 0]
    test = rows_of([TEN, "a text of its own", "one more of them", "ten two three"], labels)
    train = rows_of(["ten two three", TEN], [1, 0])
    predictions = {"lora": from_predicted(labels, [0, 0, 1, 0]), "tfidf": from_predicted(labels, [1, 1, 1, 1])}
    record = overlap([train], test, predictions)
    assert [(row.row_id, row.same_label) for row in record.shown] == [("row-0", True), ("row-3", False)]
    assert record.accuracy == {"lora": wilson(3, 4), "tfidf": wilson(2, 4)}
    assert record.clean == {"lora": wilson(1, 2), "tfidf": wilson(2, 2)}


def test_without_a_clean_row_the_accuracy_is_not_defined() -> None:
    record, _ = found([TEN], [TEN])
    assert math.isnan(record.clean["lora"].value)
    assert record.accuracy["lora"].value == 1


def test_only_so_many_are_shown_the_likest_first() -> None:
    texts = [TEN + " more" * (i % 2) for i in range(10)]
    record, _ = found([TEN], texts, shown=7)
    assert record.in_train == 10
    assert [row.row_id for row in record.shown] == [f"row-{i}" for i in (0, 2, 3, 4, 5, 6, 7)]


def random_texts(rows: int, seed: int) -> list[str]:
    """Texts of few words, many of them others with a word changed."""
    generator = np.random.default_rng(seed)
    texts: list[list[str]] = []
    for _ in range(rows):
        if texts and generator.random() < 0.6:
            text = list(texts[generator.integers(len(texts))])
            text[generator.integers(len(text))] = str(generator.integers(6))
        else:
            text = generator.integers(6, size=generator.integers(1, 25)).astype(str).tolist()
        texts.append(text)
    return [" ".join(text) for text in texts]


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.56, 0.8, 1.0])
@pytest.mark.parametrize("n", [1, 3])
def test_pairs_are_those_of_comparing_all(threshold: float, n: int) -> None:
    check_pairs(threshold, n)


@pytest.mark.parametrize("block", [1, 300])
def test_small_blocks_find_the_same(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    check_pairs(0.5, 3)


def check_pairs(threshold: float, n: int) -> None:
    texts = random_texts(60, seed=n)
    asked = np.arange(20, 60)
    expected = {
        (a, b): jaccard(texts[a], texts[b], n)
        for a in asked
        for b in range(60)
        if a != b and jaccard(texts[a], texts[b], n) >= threshold
    }
    got = {
        (a, b): similarity
        for pairs in similar_pairs(shingle_sets(texts, n), asked, threshold)
        for a, b, similarity in zip(pairs.asked, pairs.other, pairs.similarity, strict=True)
    }
    assert len(expected) > 10
    assert got == expected


@pytest.mark.parametrize("seed", range(3))
def test_the_likest_is_that_of_comparing_all(seed: int) -> None:
    texts, threshold = random_texts(120, seed=seed), 0.4
    labels = np.random.default_rng(seed).integers(0, 2, 120)
    train, validation, test = (rows_of(texts[at], labels[at]) for at in (slice(50), slice(50, 70), slice(70, 120)))
    test_labels = labels[70:].tolist()
    record = overlap([train, validation], test, {"lora": from_predicted(test_labels, test_labels)}, threshold, 50)
    expected, in_train, in_test = [], 0, 0
    for row in range(70, 120):
        earlier = np.array([jaccard(texts[row], text, 3) for text in texts[:row]])
        in_train += int((earlier[:70] >= threshold).any())
        in_test += int((earlier[70:] >= threshold).any())
        if (earlier >= threshold).any():
            likest = int(earlier.argmax())
            split = "train" if likest < 50 else "validation" if likest < 70 else "test"
            same = bool(labels[likest] == labels[row])
            expected.append(Repeat(f"row-{row - 70}", split, earlier[likest], same))
    assert (record.in_train, record.in_test) == (in_train, in_test)
    assert min(in_train, in_test) > 5
    assert list(record.shown) == sorted(expected, key=lambda repeat: -repeat.similarity)


@pytest.mark.parametrize(
    ("options", "fault"),
    [({"threshold": 0}, "threshold: above 0"), ({"threshold": 1.1}, "threshold"), ({"shown": -1}, "shown: 0 or more")],
)
def test_options_out_of_range_are_refused(options: dict[str, float], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        found([TEN], [TEN], **options)


def test_too_many_splits_and_other_rows_are_refused() -> None:
    test, predictions = rows_of([TEN]), {"lora": from_predicted([0], [0])}
    for train in ([], [test] * 3):
        with pytest.raises(ValueError, match="train rows and at most the validation rows"):
            overlap(train, test, predictions)
    with pytest.raises(ValueError, match="same rows in the same order"):
        overlap([test], rows_of([TEN, TEN]), predictions)
