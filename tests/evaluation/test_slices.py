from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from lightune.errors import ConfigError
from lightune.evaluation import slices, wilson
from lightune.evaluation.grouping import by_value, quartiles
from lightune.evaluation.slices import has_negation
from lightune.records import Predictions, Rows, Slice

from .helpers import from_predicted

NAMES = ("a", "b")


def rows_of(texts: list[str], labels: list[int], **columns: list[str]) -> Rows:
    return Rows(
        tuple(texts),
        np.asarray(labels, dtype=np.int64),
        tuple(f"row-{i}" for i in range(len(texts))),
        {name: tuple(values) for name, values in columns.items()},
    )


def sliced(test: Rows, predicted: list[int] | None = None, **options: object) -> dict[str, dict[str, Slice]]:
    """Slices by group and name, of one arm that says `predicted` (by default all right)."""
    lora = from_predicted(test.labels.tolist(), test.labels.tolist() if predicted is None else predicted)
    groups: dict[str, dict[str, Slice]] = defaultdict(dict)
    for each in slices(test, {"lora": lora}, NAMES, **options):
        groups[each.group][each.name] = each
    return groups


def test_by_hand() -> None:
    test = rows_of(
        [
            "I did not like it",
            "I liked it and all of that",
            "Nothing but the worst",
            "They were the best of the lot by far",
        ],
        [0, 1, 0, 1],
        shop=["x", "y", "x", "x"],
    )
    lora = from_predicted([0, 1, 0, 1], [0, 1, 1, 1])
    tfidf = from_predicted([0, 1, 0, 1], [1, 1, 0, 1], arm="tfidf")
    cut = np.array([False, True, False, True])
    found = slices(test, {"lora": lora, "tfidf": tfidf}, NAMES, ["shop"], cut)
    assert [(each.group, each.name, each.rows) for each in found] == [
        ("length", "up to 4 words", 1),
        ("length", "5 words", 1),
        ("length", "7 words", 1),
        ("length", "over 7 words", 1),
        ("cut", "cut", 2),
        ("cut", "whole", 2),
        ("label", "a", 2),
        ("label", "b", 2),
        ("negation", "with negation", 2),
        ("negation", "without negation", 2),
        ("shop", "x", 3),
        ("shop", "y", 1),
    ]
    by_name = {each.name: each.accuracy for each in found}
    assert by_name["a"] == {"lora": wilson(1, 2), "tfidf": wilson(1, 2)}
    assert by_name["b"] == {"lora": wilson(2, 2), "tfidf": wilson(2, 2)}
    assert by_name["x"] == {"lora": wilson(2, 3), "tfidf": wilson(2, 3)}
    assert by_name["up to 4 words"] == {"lora": wilson(0, 1), "tfidf": wilson(1, 1)}


def test_each_group_holds_every_row_once() -> None:
    generator = np.random.default_rng(0)
    texts = ["the film that they liked " + "not good " * n for n in generator.integers(0, 8, 200)]
    labels = generator.integers(0, 2, 200).tolist()
    stars = generator.integers(1, 40, 200).astype(str).tolist()
    found = sliced(rows_of(texts, labels, stars=stars), columns=["stars"], cut=generator.random(200) < 0.3)
    assert set(found) == {"length", "cut", "label", "negation", "stars"}
    for group in found.values():
        assert sum(each.rows for each in group.values()) == 200
        assert all(each.rows for each in group.values())


def test_groups_that_do_not_tell_rows_apart_are_left_out() -> None:
    same = rows_of(["the film and the book"] * 4, [1] * 4, shop=["x"] * 4)
    assert not sliced(same, cut=np.zeros(4, dtype=bool))
    # What the user names is shown even so.
    assert list(sliced(same, columns=["shop"])["shop"]) == ["x"]


def test_negation_is_told_of_english_alone() -> None:
    german = rows_of(["Das war nicht gut, was will man mehr", "Der Film hat mir gefallen, no joke"] * 2, [0, 1, 0, 1])
    assert "negation" not in sliced(german)


@pytest.mark.parametrize(
    "text", ["It isn’t good", "did n't work", "NOTHING works", "I dont know", "no-one came", "hardly any"]
)
def test_negated(text: str) -> None:
    assert has_negation(text)


@pytest.mark.parametrize("text", ["I know it well", "a notable knot", "ant", "", "nonetheless good"])
def test_not_negated(text: str) -> None:
    assert not has_negation(text)


def test_a_column_with_the_name_of_another_group_keeps_apart() -> None:
    test = rows_of(["one", "one two"], [0, 1], length=["s", "l"])
    found = sliced(test, columns=["length", "length"])
    assert list(found["length"]) == ["up to 1 word", "over 1 word"]
    assert list(found["column length"]) == ["l", "s"]


def test_a_column_that_is_not_there_is_the_users_fault() -> None:
    test = rows_of(["one", "two"], [0, 1], shop=["x", "y"], stars=["1", "2"])
    with pytest.raises(ConfigError, match=r"--slice price: .* 'shop', 'stars'"):
        sliced(test, columns=["shop", "price"])
    with pytest.raises(ConfigError, match="none beside text and label"):
        sliced(rows_of(["one", "two"], [0, 1]), columns=["price"])


def test_rows_that_do_not_match_are_refused() -> None:
    test = rows_of(["one", "two"], [0, 1])
    lora: Predictions = from_predicted([0, 1], [0, 1])
    with pytest.raises(ValueError, match="cut: one value for each of 2 rows"):
        slices(test, {"lora": lora}, NAMES, cut=np.zeros(3, dtype=bool))
    with pytest.raises(ValueError, match="same rows in the same order"):
        slices(test, {"lora": replace(lora, row_ids=("row-1", "row-0"))}, NAMES)


def test_quartiles_hold_a_quarter_each_and_are_named_by_what_they_hold() -> None:
    values = np.random.default_rng(0).permutation(np.arange(1, 101))
    found = quartiles(values, "word")
    assert list(found) == ["up to 25 words", "26 to 50 words", "51 to 75 words", "over 75 words"]
    assert [int(mask.sum()) for mask in found.values()] == [25] * 4
    assert all(values[found["26 to 50 words"]] > 25)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, 3, 3], {"up to 3 words": 3}),
        ([1, 1, 1, 1, 9], {"up to 1 word": 4, "over 1 word": 1}),
        ([1, 2, 9, 9, 9, 9, 9, 9, 9], {"up to 2 words": 2, "over 2 words": 7}),
        ([1, 1, 5, 5, 5, 5, 8, 9], {"up to 1 word": 2, "5 words": 4, "over 5 words": 2}),
        ([4], {"up to 4 words": 1}),
    ],
)
def test_ties_stay_together(values: list[int], expected: dict[str, int]) -> None:
    assert {name: int(mask.sum()) for name, mask in quartiles(np.array(values), "word").items()} == expected


def test_few_values_stand_by_themselves() -> None:
    found = by_value(["de", "fr", "", "fr", "fr", "de", "en"])
    assert {name: np.flatnonzero(mask).tolist() for name, mask in found.items()} == {
        "fr": [1, 3, 4],
        "de": [0, 5],
        "en": [6],
        "(empty)": [2],
    }
    assert list(by_value(["10", "9", "9", "", "1.5"])) == ["1.5", "9", "10", "(empty)"]
    assert list(by_value(["", ""])) == ["(empty)"]


def test_of_many_values_the_commonest_stand_and_the_rest_goes_together() -> None:
    values = [f"v{i:02}" for i in range(30) for _ in range(30 - i)] + [""]
    found = by_value(values)
    assert list(found) == [f"v{i:02}" for i in range(10)] + ["(other)", "(empty)"]
    assert found["v03"].sum() == 27
    assert found["(other)"].sum() == sum(range(1, 21))
    assert np.sum(list(found.values()), axis=0).tolist() == [1] * len(values)


def test_many_numbers_are_cut_into_quartiles() -> None:
    found = by_value([*(str(i / 2) for i in range(1, 41)), "", "20230115"])
    assert list(found) == ["up to 5.5", "6 to 10.5", "11 to 15.5", "over 15.5", "(empty)"]
    assert np.flatnonzero(found["(empty)"]).tolist() == [40]
    assert found["over 15.5"][41]
    # One that is not a number makes them names.
    assert "(other)" in by_value([*map(str, range(20)), "nan"])
