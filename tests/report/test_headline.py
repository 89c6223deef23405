from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lightune.records import Metric
from lightune.report.format import SPACE
from lightune.report.headline import LOSS, TIE, WIN, failure, flipped, headline, outcome

from . import factory


def said(result) -> str:
    return " ".join(headline(result)).replace(SPACE, " ")


def test_a_win():
    assert said(factory.study()) == (
        "LoRA labels 81.3 % of 1,000 test rows right (95 % interval 78.9 to 83.7), 31.0 points more than the "
        "pre-trained model as it is (28.1 to 33.9; McNemar p < 0.001; paired at seed 0). "
        "Training took 3 min 20 s and changed 0.9 % of the parameters."
    )


def test_beating_a_head_that_was_never_trained_is_said_to_be_no_feat():
    untrained = replace(factory.pretrained(), head="untrained")
    text = said(factory.study((untrained, factory.lora())))
    assert "The head of that rival was never trained, so its 50.6 % is guessing" in text
    assert "the gap shows that the training took hold" in text
    for other in (factory.comparison(0.01, 0.02, 0.4), factory.comparison(-0.05, 0.02, 0.004)):
        text = said(factory.study((untrained, factory.lora()), comparisons=(other,)))
        assert "guessing: no sign yet that the training took hold." in text
    trained = replace(factory.pretrained(), head="trained")
    assert "guessing" not in said(factory.study((trained, factory.lora())))


def test_a_loss():
    text = said(factory.study(comparisons=(factory.comparison(-0.05, 0.02, 0.004),)))
    assert "5.0 points fewer than the pre-trained model as it is (3.0 to 7.0; McNemar p = 0.0040" in text


def test_a_tie():
    text = said(factory.study(comparisons=(factory.comparison(0.004, 0.016, 0.62),)))
    assert "this test set cannot tell it apart from the pre-trained model as it is" in text
    assert "the difference is +0.4 points (−1.2 to +2.0; McNemar p = 0.62" in text
    assert "more than" not in text
    assert "does not agree" not in text


def test_an_interval_that_the_test_does_not_back_is_a_tie():
    text = said(factory.study(comparisons=(factory.comparison(1.0, 0.0, 0.0625, rows=5, telling=2),)))
    assert "cannot tell it apart" in text
    assert "the interval leaves 0 out, but the test does not agree" in text


def test_the_pair_may_stand_the_other_way_round():
    turned = flipped(factory.comparison())
    assert turned.a == "pretrained"
    assert turned.delta_accuracy.low == pytest.approx(-0.339)
    assert said(factory.study(comparisons=(turned,))) == said(factory.study())


def test_a_failed_arm_is_named_with_its_reason():
    text = said(factory.study((factory.pretrained(), factory.failed()), ()))
    assert "The arm lora failed: the loss became NaN at step 41: a smaller learning rate may help." in text
    assert text.startswith("The pre-trained model as it is labels 50.6 % of 1,000 test rows right")
    assert "mean over 5 seeds" in text


def test_many_failed_arms_are_listed():
    arms = (factory.lora(), *(factory.failed(name, "x") for name in ("a", "b", "c")))
    assert "3 arms failed: a, b, c." in said(factory.study(arms, ()))


def test_all_failed():
    assert said(factory.study((factory.failed(),), ())).startswith("No arm has a result")


def test_no_arm_at_all():
    assert said(factory.study((), ())) == "No arm has a result, so there is nothing to compare."


def test_a_single_arm():
    text = said(factory.study((factory.lora(),), ()))
    assert "No other arm has a result, so whether it is worth it stays open." in text


def test_two_arms_without_a_comparison():
    assert "No paired comparison was recorded" in said(factory.study(comparisons=()))


def test_the_best_trained_arm_meets_the_best_untrained_one():
    weak = replace(factory.lora(accuracy=0.6), name="ia3")
    strong = replace(factory.pretrained(), name="tfidf", metrics=factory.metrics(0.86))
    pairs = tuple(
        factory.comparison(delta, a=a, b=b)
        for a, b, delta in (
            ("lora", "pretrained", 0.31),
            ("ia3", "pretrained", 0.1),
            ("lora", "ia3", 0.2),
            ("tfidf", "lora", 0.047),
        )
    )
    text = said(factory.study((factory.pretrained(), weak, factory.lora(), strong), pairs))
    assert text.startswith("LoRA labels 81.3 %")
    assert "4.7 points fewer than TF-IDF with logistic regression" in text


def test_an_arm_that_nobody_knows_goes_by_its_name():
    arms = (replace(factory.lora(), name="my-own"), replace(factory.pretrained(), name="api.v2"))
    text = said(factory.study(arms, (factory.comparison(a="my-own", b="api.v2"),)))
    assert text.startswith("My-own labels")
    assert "than api.v2 (" in text


def test_seeds_are_mentioned_only_where_there_are_several():
    arms = (factory.lora(), replace(factory.pretrained(), seeds=factory.seed_scores((0.5,), 0)))
    assert "seed" not in said(factory.study(arms))


def test_training_every_parameter():
    arm = replace(factory.lora(), cost=factory.cost(trainable_parameters=4_057_600))
    assert "changed every parameter." in said(factory.study((arm,), ()))


def test_an_accuracy_that_is_not_defined():
    arm = replace(factory.lora(), metrics={"accuracy": factory.NAN})
    assert "labels – of 1,000 test rows right (95 % interval not defined)" in said(factory.study((arm,), ()))


@pytest.mark.parametrize(
    ("delta", "p", "expected"),
    [
        (Metric(0.1, 0.05, 0.15), 0.01, WIN),
        (Metric(-0.1, -0.15, -0.05), 0.01, LOSS),
        (Metric(0.1, 0.0, 0.2), 0.04, TIE),
        (Metric(0.1, 0.01, 0.2), 0.06, TIE),
        (Metric(0.1, 0.01, 0.2), math.nan, TIE),
        (Metric(math.nan, math.nan, math.nan), 0.01, TIE),
    ],
)
def test_outcome(delta, p, expected):
    assert outcome(replace(factory.comparison(), delta_accuracy=delta, p_value=p)) == expected


@pytest.mark.parametrize(
    ("reason", "end"),
    [(None, "no reason was recorded."), ("Stopped.", "failed: Stopped."), ("a\nb", "failed: a b.")],
)
def test_failure_is_one_sentence(reason, end):
    assert failure(replace(factory.failed(), reason=reason)).endswith(end)
