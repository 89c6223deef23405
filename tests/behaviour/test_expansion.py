"""Templates become cases: all of them, none twice, the same each time."""

import re
from collections import Counter
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lightune.behaviour import Suite, suite_from_yaml, texts
from lightune.behaviour.alterations import ALTERATIONS, alter
from lightune.behaviour.drawing import DRAWS, draw, order
from lightune.behaviour.templates import Filler, parse

WORDS = st.text("abcdefgh", min_size=1, max_size=5)
WORD_LISTS = st.lists(WORDS, min_size=1, max_size=6, unique=True)


def suite(*tests: dict[str, Any], **keys: Any) -> Suite:
    plain = {"capability": "c", "kind": "minimum functionality"}
    named = [{"name": f"test {number}", **plain, **test} for number, test in enumerate(tests)]
    return suite_from_yaml(yaml.safe_dump({"name": "mine", "tests": named, **keys}))


@pytest.mark.full
@settings(max_examples=40, deadline=None)
@given(WORD_LISTS, WORD_LISTS, st.integers(1, 60))
def test_every_filling_comes_once_until_there_are_enough(first: list[str], second: list[str], most: int) -> None:
    made = suite({"templates": ["{x}-{y}."], "fillers": {"x": first, "y": second}, "expect": "positive", "cases": most})
    every = {f"{x}-{y}." for x in first for y in second}
    assert len(made.cases) == min(most, len(every))
    assert len(set(texts(made))) == len(made.cases)
    assert set(texts(made)) <= every


@pytest.mark.full
@settings(max_examples=40, deadline=None)
@given(WORD_LISTS, st.integers(1, 30))
def test_templates_take_turns(words: list[str], most: int) -> None:
    templates = ["one {x}", "two {x}", "three {x}"]
    made = suite({"templates": templates, "fillers": {"x": words}, "expect": "positive", "cases": most})
    counts = Counter(case.template for case in made.cases)
    assert max(counts.values()) - min(counts.values() if len(counts) == 3 else [0]) <= 1


def test_no_case_comes_twice_in_the_suite() -> None:
    test = {"templates": ["{x} is good."], "fillers": {"x": ["It", "That"]}, "expect": "positive"}
    other = {**test, "fillers": {"x": ["It", "This"]}}
    assert [case.text for case in suite(test, other).tests[1].cases] == ["This is good."]


def test_the_same_text_may_be_changed_in_two_ways_where_there_is_no_other() -> None:
    made = suite({"kind": "invariance", "templates": ["Good."], "change": {"append": ["One.", "Two."]}})
    assert {case.changed for case in made.cases} == {"Good. One.", "Good. Two."}


def test_texts_that_were_asked_already_come_last() -> None:
    names = [f"N{number}" for number in range(8)]
    made = suite({"kind": "invariance", "templates": ["{n}."], "fillers": {"n": names}, "change": {"swap": "n"}})
    every = [text for case in made.cases[:3] for text in case.texts]
    assert len(set(every)) == len(every)
    # 8 names make 28 pairs, whichever of the two comes first.
    assert len(made.cases) == len({frozenset(case.texts) for case in made.cases}) == 28


def test_slots_of_one_kind_get_different_fillers_and_forms_stay_together() -> None:
    made = suite(
        {
            "templates": ["{x.one} {x.two} {x:2.one}"],
            "fillers": {"x": [{"one": f"a{i}", "two": f"b{i}"} for i in range(4)]},
            "expect": "positive",
        }
    )
    assert len(made.cases) == 12
    for case in made.cases:
        first, same, other = (int(word[1]) for word in case.text.split())
        assert first == same != other


def test_a_swap_takes_all_forms_of_the_slot_and_leaves_the_others() -> None:
    people = [{"name": "Ann", "they": "she"}, {"name": "Bob", "they": "he"}]
    made = suite(
        {
            "kind": "invariance",
            "templates": ["{p.name} says {p.they} likes {x}."],
            "fillers": {"p": people, "x": ["it"]},
            "change": {"swap": "p"},
        }
    )
    assert set(made.cases[0].texts) == {"Ann says she likes it.", "Bob says he likes it."}


def test_additions_share_the_slots_of_the_template() -> None:
    test = {
        "kind": "direction",
        "fillers": {"x": ["film", "book"], "v": {"positive": ["great"], "negative": ["awful"]}},
        "templates": ["A {x}."],
        "expect": {"label_of": "v"},
    }
    for change, wanted in (("append", r"A (\w+)\. The \1 is (\w+)\."), ("prepend", r"The (\w+) is (\w+)\. A \1\.")):
        made = suite({**test, "change": {change: "The {x} is {v}."}})
        assert len(made.cases) == 4
        for case in made.cases:
            found = re.fullmatch(wanted, case.changed or "")
            assert found
            assert case.label == {"great": "positive", "awful": "negative"}[found[2]]


def test_the_label_is_the_filler_s_or_its_opposite_or_the_template_s() -> None:
    fillers = {"v": {"positive": ["great"], "negative": ["awful"]}}
    of = suite({"templates": ["It is {v}."], "fillers": fillers, "expect": {"label_of": "v"}})
    assert {case.text: case.label for case in of.cases} == {"It is great.": "positive", "It is awful.": "negative"}
    opposite = suite({"templates": ["Far from {v}."], "fillers": fillers, "expect": {"opposite_of": "v"}})
    assert {case.text: case.label for case in opposite.cases} == {
        "Far from great.": "negative",
        "Far from awful.": "positive",
    }
    by_template = suite({"templates": {"positive": ["Yes."], "negative": ["No."]}})
    assert {case.text: case.label for case in by_template.cases} == {"Yes.": "positive", "No.": "negative"}


def test_values_are_text_whatever_they_look_like() -> None:
    made = suite_from_yaml(
        "name: 1\nlabels: [no, yes]\nlexicons: {x: [007, null, 1.0]}\n"
        "tests: [{capability: c, name: n, kind: minimum functionality, templates: ['{x}'], expect: no}]"
    )
    assert set(texts(made)) == {"007", "null", "1.0"}
    assert made.cases[0].label == "no"


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3 * DRAWS), st.text(max_size=5))
def test_an_order_is_a_permutation_or_a_thousand_draws(n: int, name: str) -> None:
    drawn = list(order(n, name))
    assert len(drawn) == min(n, DRAWS)
    assert set(drawn) <= set(range(n))
    if n <= DRAWS:
        assert len(set(drawn)) == n


def test_draws_are_even_and_always_the_same() -> None:
    counts = Counter(draw(10, "a", i) for i in range(10_000))
    # Chi-square with 9 degrees of freedom: 27.9 is exceeded once in a thousand.
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 27.9
    assert draw(10**6, "a", 1) == draw(10**6, "a", 1) != draw(10**6, "a1", "")


@pytest.mark.full
@settings(deadline=None)
@given(st.text(), st.sampled_from(sorted(ALTERATIONS)), st.text(max_size=3))
def test_any_text_can_be_altered(text: str, name: str, key: str) -> None:
    assert alter(text, name, key) == alter(text, name, key)


@pytest.mark.full
@settings(deadline=None)
@given(st.lists(st.text("abcdefgh", min_size=1, max_size=12), min_size=1).map(" ".join), st.text(max_size=3))
def test_a_typo_changes_one_long_word_inside(text: str, key: str) -> None:
    for name, longer in (("swapped letters", 0), ("doubled letter", 1), ("missing letter", -1)):
        altered = alter(text, name, key)
        pairs = [(a, b) for a, b in zip(text.split(), altered.split(), strict=True) if a != b]
        assert len(pairs) <= 1
        for before, after in pairs:
            assert len(before) >= 6
            assert (before[0], before[-1]) == (after[0], after[-1])
            assert len(after) - len(before) == longer
            assert set(after) <= set(before)


@pytest.mark.parametrize(
    ("name", "altered"),
    [
        ("upper case", "WELL, IT COST 3.50 AT A.B. FINE?"),
        ("lower case", "well, it cost 3.50 at a.b. fine?"),
        ("no punctuation", "Well it cost 3.50 at A.B Fine"),
        ("exclamation mark", "Well, it cost 3.50 at A.B. Fine!"),
        ("wide spaces", "Well,  it  cost  3.50  at  A.B.  Fine?"),
    ],
)
def test_alterations_of_the_whole_text(name: str, altered: str) -> None:
    assert alter("Well, it cost 3.50 at A.B. Fine?", name, "") == altered


def test_a_text_that_its_change_leaves_alone_is_no_case() -> None:
    test = {"kind": "invariance", "templates": ["AGAIN", "again"], "change": {"alter": "upper case"}}
    assert [case.text for case in suite(test).cases] == ["again"]


@pytest.mark.full
@settings(deadline=None)
@given(st.lists(st.one_of(st.text("ab .,'", min_size=1), st.sampled_from(["{x}", "{x:2}", "{x.f}", "{y_1}"]))))
def test_a_template_is_its_parts(parts: list[str]) -> None:
    template = parse("".join(parts))
    same = {slot.key: Filler({"": f"{{{':'.join(filter(None, slot.key))}}}", "f": "{x.f}"}) for slot in template.slots}
    assert template.fill(same) == template.source == "".join(parts)
