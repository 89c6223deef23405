from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from lightune.records import CrossValidation, Metric, SeedComparison, Verdict
from lightune.report.format import SPACE
from lightune.report.headline import failure, headline

from . import factory, studies


def plain(text: str) -> str:
    return text.replace(SPACE, " ")


def two(result) -> tuple[str, str]:
    first, second = headline(result).sentences
    return plain(first), plain(second)


def more(result) -> str:
    return plain(" ".join(line.text for line in headline(result).more))


def decided(kind: str, difference: Metric, **changes):
    """The demo with that verdict of LoRA beside the pre-trained model."""
    verdict = replace(Verdict(kind, "lora", "pretrained", difference, 0.004, 0.008, 1000, 0.024, 0.02), **changes)
    return replace(factory.study(), verdict=verdict)


def test_won():
    result = studies.whole("won")
    assert headline(result).tag == "Fine-tuning wins"
    assert headline(result).tone == "good"
    assert two(result) == (
        "Full fine-tuning is better here: it labels on average 84.2 % of 1,000 test rows right, 4.1 points more than "
        "TF-IDF with logistic regression (95 % interval +2.0 to +6.2; McNemar p = 0.0024 after Holm's correction).",
        "It is worth it if those points are worth the price: full fine-tuning took 6 min 39 s and 1.57 GiB of memory, "
        "against 2.5 s and 296 MiB for TF-IDF.",
    )


def test_lost():
    result = studies.whole("lost")
    assert (headline(result).tag, headline(result).tone) == ("Fine-tuning loses", "bad")
    first, second = two(result)
    assert first.startswith("Full fine-tuning is not worth it here: it labels on average 84.2 % of 1,000 test rows")
    assert "2.0 points fewer than TF-IDF with logistic regression (95 % interval −3.2 to −0.8;" in first
    assert second.startswith("Use TF-IDF, which is right more often, and it costs less: full fine-tuning took 6 min")


def test_tied():
    result = studies.whole("tied")
    assert (headline(result).tag, headline(result).tone) == ("No difference that matters", "")
    first, second = two(result)
    assert "makes no difference that matters here" in first
    assert "TF-IDF with logistic regression 84.3 %" in first
    assert "within 1.0 points (−0.1 points, 95 % interval −0.9 to +0.7;" in first
    assert second.startswith("Use the cheaper one, TF-IDF: ")


def test_too_small():
    result = studies.whole("too small", rows=300)
    assert (headline(result).tag, headline(result).tone) == ("Too few test rows to say", "")
    first, second = two(result)
    assert first.startswith("This test set is too small to say whether fine-tuning is worth it: full fine-tuning")
    assert "the difference of +1.2 points may be anything from −4.8 to +7.2 (95 % interval; McNemar p = 1.0" in first
    assert second.startswith(
        "Nothing can be concluded yet, so label more test rows before you decide, or take the cheaper one: "
    )
    assert "better" not in first + second


def over_seeds(seeds: int, seed_sd: float, row_sd: float, flipped: bool = False, **changes):
    """A study that cannot say which of LoRA and the pre-trained model is better, over that many seeds of LoRA."""
    between = Metric(0.02, -0.05, 0.09)
    pair = SeedComparison("lora", "pretrained", seeds, 1, 1000, between, between, seed_sd, row_sd)
    if flipped:
        pair = replace(pair, a=pair.b, b=pair.a, seeds_a=pair.seeds_b, seeds_b=pair.seeds_a)
    result = decided("too small", between, seeds=True, **changes)
    return replace(result, seed_comparisons=(replace(pair, a="tfidf"), pair))


@pytest.mark.parametrize("flipped", [False, True])
def test_where_seeds_move_more_than_rows_there_are_too_few_seeds(flipped):
    result = over_seeds(3, 0.03, 0.01, flipped)
    assert headline(result).tag == "Too few seeds to say"
    first, second = two(result)
    assert first.startswith("With 3 seeds it cannot be told whether fine-tuning is worth it: LoRA labels 81.3 %")
    assert second.startswith("Nothing can be concluded yet, so give --seeds 5 or more, or take the cheaper one: LoRA")
    assert "test set is too small" not in first
    assert "label more" not in second


def test_of_many_seeds_twice_as_many_are_asked_for():
    assert "give --seeds 12 or more" in two(over_seeds(6, 0.03, 0.01))[1]
    assert two(over_seeds(1, 0.03, 0.01))[0].startswith("With one seed it cannot be told")


@pytest.mark.parametrize(
    ("spread", "changes"),
    [((0.01, 0.03), {}), ((math.nan, 0.03), {}), ((0.03, 0.01), {"rows": 19}), ((0.03, 0.01), {"seeds": False})],
)
def test_else_there_are_too_few_rows(spread, changes):
    result = over_seeds(3, *spread)
    result = replace(result, verdict=replace(result.verdict, **changes))
    assert headline(result).tag == "Too few test rows to say"
    assert "label more test rows" in two(result)[1]


def test_arms_that_no_option_gives_more_seeds_are_not_asked_for_them():
    result = over_seeds(3, 0.03, 0.01)
    result = replace(result, arms=tuple(replace(arm, training=None) for arm in result.arms))
    assert two(result)[0].startswith("With 3 seeds it cannot be told whether any arm is better than another")
    assert two(result)[1].startswith("Nothing can be concluded yet, so take the cheaper one: ")


def test_runs_of_a_learning_curve_make_no_average():
    grown = (*factory.seed_scores((0.5, 0.6, 0.7), 100), *factory.seed_scores((0.813,), 4000))
    result = replace(
        decided("won", Metric(0.31, 0.28, 0.34)), arms=(factory.pretrained(), replace(factory.lora(), seeds=grown))
    )
    assert "on average" not in two(result)[0]


@pytest.mark.parametrize("kind", ["won", "lost", "tied", "too small"])
def test_a_verdict_is_two_sentences(kind):
    for sentence in two(studies.whole(kind)):
        assert re.match(r"[A-Z]", sentence)
        assert len(re.findall(r"[a-zF%)]\.(?:\s|$)", sentence)) == 1
        assert sentence.endswith(".")


def test_with_lora_it_is_called_fine_tuning_with_lora():
    first, second = two(decided("won", Metric(0.31, 0.28, 0.34)))
    assert first.startswith("Fine-tuning with LoRA is better here: it labels 81.3 % of 1,000 test rows right, 31.0")
    assert second.startswith("It is worth it if those points are worth the price: LoRA took 3 min 29 s and 1.23 GiB")


def test_a_winner_that_costs_no_more_is_said_to():
    cheap = replace(factory.lora(), cost=factory.cost(fit_seconds=0.0, predict_seconds=0.1, peak_memory_bytes=1))
    result = replace(decided("won", Metric(0.31, 0.28, 0.34)), arms=(factory.pretrained(), cheap))
    assert two(result)[1].startswith("It costs no more than the model as it is: LoRA took 0.10 s")


def test_a_rival_that_costs_more_is_not_called_cheaper():
    dear = replace(factory.pretrained(), cost=factory.cost(fit_seconds=9000.0))
    for kind in ("lost", "tied"):
        result = replace(decided(kind, Metric(-0.1, -0.2, -0.05)), arms=(dear, factory.lora()))
        assert "costs less" not in two(result)[1]
        assert "cheaper one, the model as it is" not in two(result)[1]


def test_where_time_and_memory_disagree_nothing_is_called_cheaper():
    other = replace(factory.pretrained(), cost=factory.cost(fit_seconds=1.0, peak_memory_bytes=9 * 10**9))
    result = replace(decided("tied", Metric(0.0, -0.01, 0.01)), arms=(other, factory.lora()))
    assert two(result)[1].startswith("Choose by what they cost: ")


def test_a_cost_that_is_not_known_is_said_to_be():
    arms = tuple(replace(arm, cost=None) for arm in (factory.pretrained(), factory.lora()))
    result = replace(decided("won", Metric(0.31, 0.28, 0.34)), arms=arms)
    assert two(result)[1].endswith("; what they cost was not measured.")
    half = replace(result, arms=(arms[0], factory.lora()))
    assert two(half)[1].endswith(
        "LoRA took 3 min 29 s and 1.23 GiB of memory, and what the model as it is took was not measured."
    )
    other = replace(result, arms=(factory.pretrained(), arms[1]))
    assert two(other)[1].endswith(
        "the model as it is took 8.2 s and 1.23 GiB of memory, and what LoRA took was not measured."
    )


def test_arms_that_were_not_fine_tuned_are_not_said_to_be():
    arms = (replace(factory.pretrained(), name="majority"), replace(factory.pretrained(), name="tfidf"))
    verdict = Verdict("won", "tfidf", "majority", Metric(0.3, 0.2, 0.4), 0.001, 0.001, 1000)
    found = headline(replace(factory.study(arms, ()), verdict=verdict))
    assert found.tag == "TF-IDF wins"
    assert "ine-tuning" not in " ".join(found.sentences)
    small = headline(replace(factory.study(arms, ()), verdict=replace(verdict, kind="too small")))
    assert small.sentences[0].startswith("This test set is too small to say whether any arm is better than another")


def test_an_arm_that_nobody_knows_goes_by_its_name():
    arms = (replace(factory.lora(), name="my-own"), replace(factory.pretrained(), name="api.v2"))
    first, second = two(factory.study(arms, (factory.comparison(a="my-own", b="api.v2"),)))
    assert first.startswith("Fine-tuning with my-own is better here")
    assert "more than api.v2 (" in first
    assert "my-own took" in second
    assert second.endswith(" for api.v2.")


def test_over_several_seeds_the_interval_is_said_to_be_of_both():
    assert (
        "(95 % interval +28.0 to +34.0 over seeds and rows; McNemar"
        in two(decided("won", Metric(0.31, 0.28, 0.34), seeds=True))[0]
    )


@pytest.mark.parametrize(
    ("p_value", "p_holm", "told"),
    [
        (0.004, 0.02, "; McNemar p = 0.020 after Holm's correction)"),
        (0.004, math.nan, "; McNemar p = 0.0040)"),
        (math.nan, math.nan, "interval +28.0 to +34.0)"),
    ],
)
def test_the_corrected_p_where_there_is_one(p_value, p_holm, told):
    assert told in two(decided("won", Metric(0.31, 0.28, 0.34), p_value=p_value, p_holm=p_holm))[0]


def test_alone():
    result = factory.study((factory.lora(),), ())
    assert headline(result).tag == "Nothing to compare with"
    first, second = two(result)
    assert first == "LoRA labels 81.3 % of 1,000 test rows right (95 % interval 78.9 to 83.7)."
    assert second.startswith("No other arm has a result, so whether it is worth it stays open")


def test_an_accuracy_that_is_not_defined():
    arm = replace(factory.lora(), metrics={"accuracy": factory.NAN})
    assert "labels – of 1,000 test rows right (95 % interval not defined)" in two(factory.study((arm,), ()))[0]


@pytest.mark.parametrize("arms", [(), (factory.failed(),)])
def test_nothing(arms):
    result = factory.study(arms, ())
    assert headline(result).tag == "No result"
    assert two(result)[0] == "No arm has a result, so there is nothing to compare."


def test_results_of_an_earlier_version_have_no_verdict():
    result = replace(factory.study(), verdict=Verdict("nothing"))
    assert headline(result).tag == "No verdict"
    assert "earlier version of lightune" in two(result)[0]
    assert "Run the same `lightune study` command again" in two(result)[1]


def test_a_failed_arm_is_named_with_its_reason():
    result = factory.study((factory.pretrained(), factory.failed()), ())
    assert "The arm lora failed: the loss became NaN at step 41: a smaller learning rate may help." in more(result)
    assert headline(result).more[0].tone == "bad"


def test_many_failed_arms_are_listed():
    arms = (factory.lora(), *(factory.failed(name, "x") for name in ("a", "b", "c")))
    assert "3 arms failed: a, b, c." in more(factory.study(arms, ()))


def test_the_smallest_difference_that_can_be_found_in_words():
    assert "With 1,000 test rows a gap under 2.4 points cannot be told from chance" in more(factory.study())
    assert "gap" not in more(decided("won", Metric(0.31, 0.28, 0.34), detectable=math.nan))


def test_five_rows_can_show_nothing():
    result = decided("too small", Metric(0.2, -0.3, 0.7), rows=5, detectable=1.0)
    assert "5 test rows can tell no difference from chance, however large it is." in more(result)
    assert two(result)[1].startswith("Nothing can be concluded yet")
    assert "of 1 test row right" in two(replace(result, verdict=replace(result.verdict, rows=1)))[0]


def test_beating_a_head_that_was_never_trained_is_said_to_be_no_feat():
    arms = (replace(factory.pretrained(), head="untrained"), factory.lora())
    won = replace(decided("won", Metric(0.31, 0.28, 0.34)), arms=arms)
    assert "was never trained, so its answers are guesses: the gap shows that the training took hold" in more(won)
    for kind in ("lost", "tied", "too small"):
        assert "guesses: no sign yet that the training took hold." in more(
            replace(won, verdict=replace(won.verdict, kind=kind))
        )
    trained = (replace(factory.pretrained(), head="trained"), factory.lora())
    assert "guess" not in more(replace(won, arms=trained))


def test_cross_validation_is_said():
    result = studies.cross_validated()
    assert "every row was a test row in turn, in 5 parts, cut anew 3 times" in more(result)
    assert "corrected t-test p = " in two(result)[0]
    assert "on average" in two(result)[0]
    assert ": in the first fold full fine-tuning took 6 min" in two(result)[1]
    once = replace(result, cross_validation=CrossValidation(10, 1))
    assert "on average" not in two(once)[0]
    assert "in 10 parts, and intervals" in more(once)


@pytest.mark.parametrize(
    ("reason", "end"),
    [(None, "no reason was recorded."), ("Stopped.", "failed: Stopped."), ("a\nb", "failed: a b.")],
)
def test_failure_is_one_sentence(reason, end):
    assert failure(replace(factory.failed(), reason=reason)).endswith(end)
