"""Occlusion against a scorer whose answer is known word by word, and on texts of every kind."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lightune.inference import Piece, occlude
from lightune.inference.occlusion import changes, variants

WEIGHTS = {"not": -0.2, "good": 0.25, "dull": -0.1, "loved": 0.3}
# Of everything that texts are made of, half surrogate pairs and right-to-left marks too.
TEXTS = st.text(st.characters(categories=None), max_size=200)


class Bag:
    """Half and half, and each word moves the second label's probability by its weight: a linear bag of words."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, texts):
        self.calls.append(list(texts))
        second = np.array([0.5 + sum(WEIGHTS.get(word, 0) for word in re.findall(r"\w+", text)) for text in texts])
        return np.stack([1 - second, second], axis=1)


def pieces_of(text, most=48):
    return [piece.text for piece in occlude(Bag(), text, 1, most)]


def test_each_word_has_its_own_weight():
    found = occlude(Bag(), "not dull, rather good.", 1)
    assert [piece.text for piece in found] == ["not ", "dull, ", "rather ", "good."]
    assert [piece.change for piece in found] == pytest.approx([-0.2, -0.1, 0, 0.25])


def test_the_other_label_sees_it_the_other_way_round():
    text = "loved it, though dull"
    ahead, behind = occlude(Bag(), text, 1), occlude(Bag(), text, 0)
    assert [piece.change for piece in ahead] == pytest.approx([-piece.change for piece in behind])
    assert ahead[0].change == pytest.approx(0.3)


def test_the_changes_are_those_of_the_variants():
    pieces = ["not ", "dull"]
    assert variants(pieces) == ["not dull", "dull", "not"]
    assert changes(pieces, np.array([0.2, 0.4, 0.3])) == (
        Piece("not ", pytest.approx(-0.2)),
        Piece("dull", pytest.approx(-0.1)),
    )
    assert variants([]) == [""]
    assert changes([], np.array([0.5])) == ()


def test_it_asks_once_with_the_text_first():
    bag = Bag()
    occlude(bag, " It is good \n", 0)
    assert bag.calls == [[" It is good \n", "is good \n", " It good \n", " It is \n"]]


def test_no_blank_is_left_where_the_last_word_was():
    bag = Bag()
    occlude(bag, "a good  one", 0)
    assert bag.calls[0][-1] == "a good"


def test_an_empty_text_has_no_pieces_and_asks_nothing():
    bag = Bag()
    assert occlude(bag, "", 0) == ()
    assert bag.calls == []


def test_a_long_text_is_taken_in_even_runs_of_neighbours():
    words = [f"w{number} " for number in range(100)]
    words[40] = "good "
    found = occlude(Bag(), "".join(words), 1)
    assert len(found) == 48
    assert {len(piece.text.split()) for piece in found} == {2, 3}
    assert [piece for piece in found if abs(piece.change) > 1e-9] == [Piece("w39 good ", pytest.approx(0.25))]
    assert [len(text.split()) for text in pieces_of("a b c d e", most=2)] == [2, 3]


@pytest.mark.full
def test_the_work_is_bounded_for_a_text_of_fifty_thousand_characters():
    for text in ("good " * 10_000, "x" * 50_000, "好" * 50_000, "\n" * 50_000, "e" + "\u0301" * 49_999):
        bag = Bag()
        found = occlude(bag, text, 1)
        assert "".join(piece.text for piece in found) == text
        assert [len(call) for call in bag.calls] == [len(found) + 1]
        assert len(found) <= 48


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Oh !  well - no", ["  Oh !  ", "well - ", "no"]),
        ('He said "no" (twice)', ["He ", "said ", '"no" ', "(twice)"]),
        ("- first", ["- ", "first"]),
        ("  \n", ["  \n"]),
        ("很好。「不」", ["很", "好。", "「不」"]),
        ("great 😀 film", ["great ", "😀 ", "film"]),
        ("فيلم رائع!", ["فيلم ", "رائع!"]),
        ("half \ud800 pair", ["half ", "\ud800 ", "pair"]),
        ("x" * 30, ["x" * 24, "x" * 6]),
        ("x" * 24 + "\u0301y", ["x" * 24 + "\u0301y"]),
        ("x" * 23 + "👩\u200d💻", ["x" * 23 + "👩\u200d💻"]),
    ],
)
def test_where_a_text_is_taken_apart(text, expected):
    assert pieces_of(text) == expected


@pytest.mark.full
@given(TEXTS)
@example("\u200d\u200d")
@example("\u3000「")
@example("\u202e\u0301 . ")
def test_the_pieces_joined_are_the_text_exactly(text):
    found = occlude(Bag(), text, 0)
    assert "".join(piece.text for piece in found) == text
    assert all(piece.text for piece in found)
