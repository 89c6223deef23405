"""Arms with known behaviour get the failure rates that they should."""

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from lightune.behaviour import Case, judge, suite_from_yaml, texts
from lightune.behaviour.suite import DIRECTION, INVARIANCE, MINIMUM_FUNCTIONALITY
from lightune.records import BehaviourFailure, Metric
from tests.behaviour.helpers import POLARITY, arm, arm_by_case, built_in

SMALL = """
name: small
tests:
  - capability: Vocabulary
    name: words
    kind: minimum functionality
    templates:
      positive: [It is good., It is great.]
      negative: [It is bad., It is awful.]
  - capability: Names
    name: names
    kind: invariance
    templates: [{text: Ann likes it., changed: Bob likes it.}]
  - capability: Added
    name: praise
    kind: direction
    expect: positive
    tolerance: 0.2
    change: {append: Hooray.}
    templates: [A film., A book.]
"""
ANSWERS = {
    "It is good.": 0.9,
    "It is great.": 0.6,
    "It is bad.": 0.8,
    "It is awful.": 0.1,
    "Ann likes it.": 0.7,
    "Bob likes it.": 0.4,
    "A film.": 0.7,
    "A film. Hooray.": 0.45,
    "A book.": 0.7,
    "A book. Hooray.": 0.5,
}


def rates(suite, answers, kind, labels=POLARITY):
    return {test.scores["arm"].rate.value for test in judge(suite, {"arm": answers}, labels) if test.kind == kind}


def oracle(case: Case) -> tuple[float, float]:
    """As it should be: the expected label, none changed, and the change makes the expected label likelier."""
    if case.label is None:
        return 0.3, 0.3
    right = 0.9 if case.label == "positive" else 0.1
    return (right, right) if case.changed is None else (0.5, right)


def contrary(case: Case) -> tuple[float, float]:
    if case.label is None:
        return 0.3, 0.7
    before, after = oracle(case)
    return 1 - before, 1 - after


def test_an_oracle_never_fails_and_its_contrary_always() -> None:
    answers = {"oracle": arm_by_case(built_in(), oracle), "contrary": arm_by_case(built_in(), contrary)}
    judged = judge(built_in(), answers, POLARITY)
    for test in judged:
        assert test.scores["oracle"].failures == 0
        assert test.scores["oracle"].shown == ()
        assert test.scores["contrary"].failures == test.cases
        assert test.scores["contrary"].rate.value == 1
        assert len(test.scores["contrary"].shown) == 3
    assert [(test.capability, test.name, test.kind, test.cases) for test in judged] == [
        (test.capability, test.name, test.kind, len(test.cases)) for test in built_in().tests
    ]


def test_a_constant_arm_passes_what_compares_two_texts_and_half_of_what_expects_both_labels() -> None:
    answers = arm(built_in(), lambda _: 0.9)
    assert rates(built_in(), answers, INVARIANCE) == rates(built_in(), answers, DIRECTION) == {0}
    by_name = {test.name: test.scores["arm"].rate.value for test in judge(built_in(), {"arm": answers}, POLARITY)}
    assert by_name["Praise denied"] == 1
    assert by_name["No fault found"] == 0
    assert by_name["Expectations overturned"] == 0.5


def test_rates_and_failures_by_hand() -> None:
    suite = suite_from_yaml(SMALL)
    words, names, praise = judge(suite, {"arm": arm(suite, ANSWERS.__getitem__)}, POLARITY)
    low, high = proportion_confint(1, 4, method="wilson")
    assert words.cases == 4
    assert words.scores["arm"].failures == 1
    assert words.scores["arm"].rate == Metric(0.25, pytest.approx(low), pytest.approx(high))
    assert words.scores["arm"].shown == (BehaviourFailure("It is bad.", None, "negative", "positive"),)
    assert names.scores["arm"].shown == (BehaviourFailure("Ann likes it.", "Bob likes it.", "positive", "negative"),)
    # 0.7 to 0.5 is a fall of the tolerance itself, up to rounding, and passes.
    assert praise.scores["arm"].shown == (
        BehaviourFailure("A film.", "A film. Hooray.", "positive at least 0.50", "0.45"),
    )
    assert praise.scores["arm"].failures == 1


def test_the_labels_may_come_in_any_order_and_with_a_neutral_one() -> None:
    suite = suite_from_yaml(SMALL)
    two = arm(suite, ANSWERS.__getitem__)
    failures = [test.scores["arm"].failures for test in judge(suite, {"arm": two}, POLARITY)]
    turned = judge(suite, {"arm": two[:, ::-1]}, ["Pos", "NEG"])
    assert [test.scores["arm"].failures for test in turned] == failures
    assert turned[0].scores["arm"].shown[0].got == "Pos"
    three = np.stack([two[:, 1], np.zeros(len(two)), two[:, 0]], axis=1)
    assert [test.scores["arm"].failures for test in judge(suite, {"arm": three}, ["pos", "neutral", "neg"])] == failures
    undecided = np.tile([0.3, 0.4, 0.3], (len(two), 1))
    assert judge(suite, {"arm": undecided}, ["pos", "neutral", "neg"])[0].scores["arm"].failures == 4


def test_a_suite_with_labels_of_its_own_is_judged_by_them() -> None:
    suite = suite_from_yaml(
        "name: stars\nlabels: {low: '1', high: '5'}\ntests: [{capability: c, name: n, kind: minimum functionality, "
        "templates: {low: [Bad.], high: [Good.]}}]"
    )
    answers = np.array([[0.1, 0.2, 0.7] if text == "Good." else [0.6, 0.3, 0.1] for text in texts(suite)])
    assert rates(suite, answers, MINIMUM_FUNCTIONALITY, ["1", "3", "5"]) == {0}
    assert rates(suite, answers, MINIMUM_FUNCTIONALITY, ["5", "3", "1"]) == {1}


def test_the_worst_failures_are_shown_one_a_template() -> None:
    suite = suite_from_yaml(
        "name: worst\ntests: [{capability: c, name: n, kind: minimum functionality, expect: positive, "
        "fillers: {x: ['1', '2', '3']}, templates: ['{x} a', '{x} b', '{x} c', '{x} d']}]"
    )
    wrong = {text: (0.01 if text == "2 c" else 0.4 - 0.1 * "abcd".index(text[-1])) for text in texts(suite)}
    (test,) = judge(suite, {"arm": arm(suite, wrong.__getitem__)}, POLARITY)
    shown = [failure.text for failure in test.scores["arm"].shown]
    assert shown[0] == "2 c"
    assert [text[-1] for text in shown] == ["c", "d", "b"]
    assert test.scores["arm"].failures == 12


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda answers: answers[1:], "the shape"),
        (lambda answers: answers[:, :1], "the shape"),
        (lambda answers: np.where(answers == answers[0, 0], np.nan, answers), "finite"),
    ],
)
def test_answers_that_do_not_fit_are_refused(change, says) -> None:
    suite = suite_from_yaml(SMALL)
    with pytest.raises(ValueError, match=f"sick: .*{says}"):
        judge(suite, {"sick": change(arm(suite, ANSWERS.__getitem__))}, POLARITY)


def test_labels_that_do_not_fit_are_refused() -> None:
    suite = suite_from_yaml(SMALL)
    with pytest.raises(ValueError, match="'small'"):
        judge(suite, {"arm": arm(suite, ANSWERS.__getitem__)}, ["a", "b"])
