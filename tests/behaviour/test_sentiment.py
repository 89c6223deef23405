"""The built-in suite keeps what is promised of it."""

import re
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from lightune.behaviour import SuiteTest, judge, load_suite, texts
from lightune.behaviour.suite import KINDS
from tests.behaviour.helpers import POLARITY, arm, built_in, built_in_file


def words_of(fillers: Any) -> set[str]:
    """What the fillers of a lexicon are called by, whatever its shape."""
    items = [item for part in fillers.values() for item in part] if isinstance(fillers, dict) else fillers
    return {next(iter(item.values())) if isinstance(item, dict) else item for item in items}


TESTS = pytest.mark.parametrize("test", built_in().tests, ids=lambda test: test.name)


def test_there_are_12_capabilities_and_all_three_kinds() -> None:
    assert len({test.capability for test in built_in().tests}) >= 12
    assert {test.kind for test in built_in().tests} == set(KINDS)


@TESTS
def test_each_test_has_8_templates_15_fillers_and_50_cases(test: SuiteTest) -> None:
    assert len({case.template for case in test.cases}) >= 8
    assert len({filler for case in test.cases for filler in case.fillers}) >= 15
    assert 50 <= len(test.cases) <= 60


@TESTS
def test_each_template_has_its_share_of_the_cases(test: SuiteTest) -> None:
    assert min(Counter(case.template for case in test.cases).values()) >= 3


def test_no_text_stands_in_the_suite_twice() -> None:
    every = [text for case in built_in().cases for text in case.texts]
    assert len(set(every)) == len(every)
    assert texts(built_in()) == tuple(every)


@pytest.mark.full
def test_it_is_the_same_suite_each_time() -> None:
    assert load_suite(None) == built_in()
    # Drawn by hash: the same on every machine and with every library.
    test = built_in().tests[0]
    assert (test.cases[0].text, test.cases[-1].text) == (
        "This burger is third-rate.",
        "In short: a horrible comedy.",
    )


@TESTS
def test_the_texts_are_whole_sentences(test: SuiteTest) -> None:
    for case in test.cases:
        for text in case.texts:
            assert "{" not in text
            assert "}" not in text
            assert text == text.strip()
        assert "  " not in case.text
        assert re.match(r"[A-Z]", case.text), case.text
        assert case.text[-1] in ".?!", case.text


@TESTS
def test_no_word_is_doubled(test: SuiteTest) -> None:
    for case in test.cases:
        for text in case.texts:
            words = re.findall(r"[\w'/]+", text.lower())
            assert not [word for word, after in pairwise(words) if word == after], text


@TESTS
def test_the_articles_agree(test: SuiteTest) -> None:
    for case in test.cases:
        for text in case.texts:
            assert not re.search(r"\ba [aeiou]|\ban [^aeiou\s]", text.lower()), text


@pytest.mark.parametrize(
    "name",
    ["thing", "praise", "blame", "love", "hate", "good_verdict", "bad_verdict", "good", "plain", "very"],
)
def test_every_word_that_judges_is_used(name: str) -> None:
    used = {filler for case in built_in().cases for filler in case.fillers}
    assert words_of(built_in_file()["lexicons"][name]) <= used


def test_every_slot_that_is_defined_stands_in_a_template() -> None:
    file = built_in_file()
    templates = repr([(test["templates"], test.get("change")) for test in file["tests"]])
    for name in file["lexicons"]:
        assert re.search(rf"\{{{name}\b", templates), name
    for test in file["tests"]:
        for name in test.get("fillers", {}):
            assert f"{{{name}" in repr(test["templates"]), name


@TESTS
def test_a_test_that_expects_both_labels_has_a_third_of_each(test: SuiteTest) -> None:
    expected = Counter(case.label for case in test.cases)
    assert len(expected) == 1 or min(expected.values()) >= len(test.cases) / 3


def test_what_is_swapped_is_all_that_changes() -> None:
    test = next(test for test in built_in().tests if test.name == "Names swapped")
    names = set(built_in_file()["lexicons"]["person"])
    for case in test.cases:
        before, after = (re.findall(r"\w+", text) for text in (case.text, case.changed))
        changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
        assert changed
        assert {word for pair in changed for word in pair} <= names


def test_an_arm_that_counts_words_knows_the_words_and_fails_where_words_are_not_enough() -> None:
    lexicons = built_in_file()["lexicons"]
    praise = [lexicons[name] for name in ("praise", "love", "good_verdict", "good")] + [lexicons["plain"]["positive"]]
    blame = [lexicons[name] for name in ("blame", "hate", "bad_verdict")] + [lexicons["plain"]["negative"]]

    def positive(text: str) -> float:
        count = [sum(f" {word}" in text for part in parts for word in words_of(part)) for parts in (blame, praise)]
        return float(1 / (1 + np.exp(count[0] - count[1])))

    rates = {
        test.name: test.scores["words"].rate.value
        for test in judge(built_in(), {"words": arm(built_in(), positive)}, POLARITY)
    }
    for known in ("Adjectives of praise and blame", "Verbs of liking and disliking", "Verdicts", "Strengthened words"):
        assert rates[known] == 0
    assert rates["Praise denied"] == 1
    for beyond in ("Expectations overturned", "What the writer thinks now", "The writer's own opinion counts"):
        assert rates[beyond] >= 0.4
    assert rates["What would be and what could have been"] >= 0.2
    assert rates["Names swapped"] == rates["Cities swapped"] == 0
    assert rates["One letter wrong"] > 0
