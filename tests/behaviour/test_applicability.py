"""The checks run where they make sense, and say why where they do not."""

from dataclasses import replace

import pytest

from lightune.behaviour import polarity, why_not
from tests.behaviour.helpers import built_in

ENGLISH = ["I did not think that it would be any good, but it was, and they were all very kind to us."] * 3
GERMAN = ["Ich hätte nicht gedacht, dass das so gut wird, aber alle waren sehr freundlich zu uns."] * 3


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["neg", "pos"], (0, 1)),
        (["pos", "neg"], (1, 0)),
        (["Negative", "POSITIVE"], (0, 1)),
        (["bad", "good"], (0, 1)),
        (["thumbs_up", "thumbs-down"], (1, 0)),
        (["1 star", "5 stars"], (0, 1)),
        (["negative", "neutral", "positive"], (0, 2)),
        (["neu", "pos", "neg"], (2, 1)),
        (["0", "1"], None),
        (["LABEL_0", "LABEL_1"], None),
        (["sports", "politics"], None),
        (["negative", "other"], None),
        (["negative", "positive", "mixed"], None),
        (["negative", "positive", "neutral", "neu"], None),
        (["neg", "negative", "positive"], None),
        (["1 star", "2 stars", "3 stars", "4 stars", "5 stars"], None),
        (["not positive", "positive"], None),
        ([], None),
    ],
)
def test_polarity_is_read_from_the_names(names, found) -> None:
    assert polarity(names) == found


def test_the_built_in_suite_runs_on_english_with_a_polarity_and_says_why_not_elsewhere() -> None:
    assert why_not(built_in(), ["neg", "pos"], ENGLISH) is None
    assert "do not look English" in (why_not(built_in(), ["neg", "pos"], GERMAN) or "")
    reason = why_not(built_in(), ["sports", "politics"], ENGLISH) or ""
    assert "sports, politics" in reason
    assert "`labels`" in reason


def test_a_suite_with_labels_of_its_own_asks_for_them_and_its_language_counts_only_if_english() -> None:
    own = replace(built_in(), labels={"negative": "0", "positive": "1"})
    assert why_not(own, ["0", "1"], ENGLISH) is None
    assert why_not(own, ["0", "1", "2"], ENGLISH) is None
    assert "asks for the labels 1;" in (why_not(own, ["0", "2"], ENGLISH) or "")
    assert "English" in (why_not(own, ["0", "1"], GERMAN) or "")
    for language in (None, "de"):
        assert why_not(replace(own, language=language), ["0", "1"], GERMAN) is None


def test_its_own_texts_look_english() -> None:
    from lightune.behaviour import texts

    assert why_not(built_in(), ["neg", "pos"], texts(built_in())) is None
