from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lightune.evaluation import compare, compare_seeds, flipped, mcnemar, verdict, with_holm
from lightune.evaluation.intervals import percentile_interval
from lightune.records import ArmResult, Comparison, Metric, Predictions, Verdict

from .helpers import from_predicted
from .ladder import arm, comparison, seed_comparison

LADDER = [arm("tfidf", 0.80), arm("lora", 0.85, tuned=True)]


def answered(right_a: int, right_b: int, both: int, neither: int) -> Comparison:
    """lora against tfidf, compared: rows that only the first, only the second, both and neither have right."""
    labels = np.arange(right_a + right_b + both + neither) % 2
    outcome = np.repeat([0, 1, 2, 3], [right_a, right_b, both, neither])
    a = from_predicted(labels, np.where(outcome % 2 == 0, labels, 1 - labels), arm="lora")
    b = from_predicted(labels, np.where((outcome == 1) | (outcome == 2), labels, 1 - labels), arm="tfidf")
    return compare(a, b, 1, resamples=1000)


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ((120, 40, 750, 90), "won"),
        ((40, 120, 750, 90), "lost"),
        ((100, 95, 9000, 805), "tied"),
        ((30, 28, 400, 42), "too small"),
        ((9, 1, 12, 8), "won"),
        ((9, 3, 12, 8), "too small"),
    ],
)
def test_studies_that_are_won_lost_tied_and_too_small(rows: tuple[int, ...], kind: str) -> None:
    (found,) = with_holm([answered(*rows)])
    said = verdict(LADDER, [found], [])
    assert said.kind == kind
    assert (said.subject, said.rival, said.rows) == ("lora", "tfidf", sum(rows))
    assert (said.p_value, said.p_holm, said.detectable) == (found.p_value, found.p_holm, found.detectable)
    assert (said.margin, said.seeds) == (0.02, False)
    assert said.difference is not None
    assert said.difference.value == found.delta_accuracy.value
    assert verdict(LADDER, [flipped(found)], []) == said


@pytest.mark.parametrize("rows", [(5, 0, 0, 0), (0, 5, 0, 0), (0, 0, 5, 0), (0, 0, 3, 2), (1, 0, 2, 2), (19, 0, 0, 0)])
def test_nothing_is_said_of_fewer_than_20_rows(rows: tuple[int, ...]) -> None:
    assert verdict(LADDER, [answered(*rows)], []).kind == "too small"
    assert verdict(LADDER, [answered(*rows)], [], margin=0.99).kind == "too small"


@pytest.mark.parametrize(("rows", "kind"), [(50, "too small"), (150, "too small"), (250, "tied"), (25_000, "tied")])
def test_arms_that_differ_on_no_row_are_tied_only_where_the_rows_are_many(rows: int, kind: str) -> None:
    """If the arms differed on 1 row in 50, none of 150 rows would show it 5 times of 100: the rule of three."""
    same = answered(0, 0, rows - 10, 10)
    assert same.delta_accuracy == Metric(0, 0, 0)
    said = verdict(LADDER, [same], [])
    assert said.kind == kind
    assert said.difference is not None
    assert said.difference.high == -said.difference.low == pytest.approx(3.84 / (rows + 3.84), rel=1e-3)


def test_the_margin_decides_what_is_as_good_as_equal() -> None:
    near = [comparison(delta=(0.01, -0.01, 0.03), p_value=0.3)]
    assert verdict(LADDER, near, [], margin=0.02).kind == "too small"
    assert verdict(LADDER, near, [], margin=0.03).kind == "tied"
    assert verdict(LADDER, [comparison(delta=(-0.01, -0.03, 0.01), p_value=0.3)], []).kind == "too small"


def test_interval_and_corrected_p_must_both_say_so() -> None:
    found = comparison()
    assert verdict(LADDER, [found], []).kind == "won"
    assert verdict(LADDER, [replace(found, p_holm=0.049)], []).kind == "won"
    assert verdict(LADDER, [replace(found, p_holm=0.05)], []).kind == "too small"
    assert verdict(LADDER, [replace(found, p_value=0.06)], []).kind == "too small"
    assert verdict(LADDER, [replace(found, p_value=math.nan)], []).kind == "too small"
    assert verdict(LADDER, [replace(found, delta_accuracy=Metric(0.05, 0.0, 0.1))], []).kind == "too small"
    nowhere = Metric(math.nan, math.nan, math.nan)
    assert verdict(LADDER, [replace(found, delta_accuracy=nowhere)], []).kind == "too small"


def test_a_gap_within_the_margin_that_is_no_chance_is_still_won() -> None:
    small = comparison(delta=(0.01, 0.005, 0.015), p_value=0.001, rows=25_000)
    assert verdict(LADDER, [small], []).kind == "won"


def test_over_several_seeds_their_interval_decides_with_the_first_seeds_p() -> None:
    first, later = comparison(p_value=0.001), comparison(p_value=0.9, seed=1)
    said = verdict(LADDER, [later, first], [seed_comparison()])
    assert (said.kind, said.seeds, said.p_value) == ("too small", True, 0.001)
    assert said.difference == Metric(0.04, -0.01, 0.09)
    sure = seed_comparison(delta=(0.04, 0.01, 0.07))
    assert verdict(LADDER, [later, first], [sure]).kind == "won"
    turned = seed_comparison("tfidf", "lora", delta=(-0.04, -0.07, -0.01), seeds_a=1, seeds_b=3)
    assert verdict(LADDER, [later, first], [turned]) == verdict(LADDER, [later, first], [sure])
    assert verdict(LADDER, [replace(first, p_value=0.2)], [sure]).kind == "too small"


def test_a_comparison_of_single_seeds_or_other_arms_changes_nothing() -> None:
    alone = seed_comparison(seeds_a=1)
    elsewhere = seed_comparison(b="majority")
    assert verdict(LADDER, [comparison()], [alone, elsewhere]) == verdict(LADDER, [comparison()], [])


def test_a_p_that_speaks_the_other_way_proves_nothing() -> None:
    first = comparison(delta=(-0.05, -0.08, -0.02))
    assert verdict(LADDER, [first], [seed_comparison(delta=(0.05, 0.01, 0.09))]).kind == "too small"


def test_the_subject_is_the_best_tuned_arm_and_the_rival_the_best_that_is_not() -> None:
    arms = [
        arm("majority", 0.5),
        arm("tfidf", 0.9),
        arm("probe", 0.7),
        arm("lora", 0.8, tuned=True),
        arm("full", 0.85, tuned=True),
    ]
    pairs = [
        comparison("full", "lora"),
        comparison("full", "majority"),
        comparison("tfidf", "full", p_value=0.002),
        comparison("lora", "tfidf"),
    ]
    said = verdict(arms, pairs, [])
    assert (said.kind, said.subject, said.rival, said.p_value) == ("lost", "full", "tfidf", 0.002)
    assert said.difference == Metric(-0.05, -0.08, -0.02)


@pytest.mark.parametrize(
    ("arms", "subject", "rival"),
    [
        ([arm("tfidf", 0.8), arm("probe", 0.9), arm("majority", 0.5)], "probe", "tfidf"),
        ([arm("lora", 0.8, tuned=True), arm("full", 0.9, tuned=True)], "full", "lora"),
        ([arm("one", 0.8), arm("two", 0.8)], "one", "two"),
        ([arm("odd", math.nan), arm("bare", metrics={}), arm("sound", 0.1)], "sound", "odd"),
    ],
)
def test_without_either_kind_it_is_the_best_against_the_second(arms: list[ArmResult], subject: str, rival: str) -> None:
    names = [each.name for each in arms]
    pairs = [comparison(a, b) for a in names for b in names if a < b]
    said = verdict(arms, pairs, [])
    assert (said.subject, said.rival) == (subject, rival)


def test_a_rival_it_was_not_compared_with_is_passed_over() -> None:
    arms = [*LADDER, arm("api", 0.99), arm("full", 0.84, tuned=True)]
    assert verdict(arms, [comparison()], []).rival == "tfidf"
    assert verdict(arms, [comparison(b="full")], []).rival == "full"


def test_alone_and_nothing() -> None:
    lora = arm("lora", tuned=True)
    failed = arm("tfidf", 0.9, status="failed")
    assert verdict([lora], [], []) == verdict([lora, failed], [comparison()], [])
    said = verdict([lora, failed], [comparison()], [])
    assert (said.kind, said.subject, said.rival, said.difference) == ("alone", "lora", None, None)
    for arms in ([], [failed]):
        nothing = verdict(arms, [], [])
        assert (nothing.kind, nothing.subject, nothing.margin) == ("nothing", None, 0.02)
    assert isinstance(said, Verdict)


@pytest.mark.parametrize("margin", [0, -0.1, 1, math.nan])
def test_a_margin_that_is_no_share_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match=f"margin: .* got {margin}"):
        verdict(LADDER, [comparison()], [], margin=margin)


def test_seeds_that_lie_apart_make_a_sure_win_too_small_to_say() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, size=1000)

    def run(name: str, share: float, seed: int) -> Predictions:
        right = generator.permutation(1000) < share * 1000
        return from_predicted(labels, np.where(right, labels, 1 - labels), arm=name, seed=seed)

    tfidf = [run("tfidf", 0.80, 0)]
    lora = [run("lora", share, seed) for seed, share in enumerate((0.95, 0.76, 0.85))]
    first = compare(lora[0], tfidf[0], 1, resamples=500)
    assert verdict(LADDER, [first], []).kind == "won"
    assert verdict(LADDER, [first], [compare_seeds(lora, tfidf, 1, resamples=500)]).kind == "too small"


@pytest.mark.full
def test_over_2000_draws_the_verdict_is_wrong_at_most_5_times_of_100() -> None:
    """No difference is seldom won or lost; a difference of the whole margin is seldom tied."""
    generator = np.random.default_rng(8)

    def kind_of(counts: np.ndarray) -> str:
        """The verdict on such counts of outcomes, with the interval that `compare` draws."""
        drawn = generator.multinomial(2000, counts / 2000, size=400)
        delta = percentile_interval(float(counts[0] - counts[1]) / 2000, (drawn[:, 0] - drawn[:, 1]) / 2000)
        p_value = mcnemar(int(counts[0]), int(counts[1]))
        found = comparison(delta=(delta.value, delta.low, delta.high), p_value=p_value, rows=2000)
        return verdict(LADDER, [found], []).kind

    equal = [kind_of(counts) for counts in generator.multinomial(2000, [0.04, 0.04, 0.8, 0.12], size=2000)]
    assert 0.02 < np.mean([kind in ("won", "lost") for kind in equal]) <= 0.05
    assert np.mean([kind == "tied" for kind in equal]) > 0.5
    apart = [kind_of(counts) for counts in generator.multinomial(2000, [0.03, 0.01, 0.8, 0.16], size=2000)]
    assert np.mean([kind == "tied" for kind in apart]) <= 0.035
    assert np.mean([kind == "won" for kind in apart]) > 0.9
