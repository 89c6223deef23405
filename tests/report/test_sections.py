"""What each section says, from the blocks it is made of."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lightune.records import Metric
from lightune.report.document import Figure, Group, Table
from lightune.report.first_screen import first_figures
from lightune.report.sections import sections
from lightune.report.sections.comparisons import LOSS, TIE, WIN, outcome

from . import factory, studies
from .blocks import every, row, section, tables, words

WON = studies.whole("won")


def test_a_whole_study_has_every_section_in_order():
    anchors = [each.anchor for each in sections(WON, factory.texts(WON))]
    assert anchors == [
        *("ladder", "comparisons", "seeds", "cost", "curves", "calibration", "slices", "confusion", "alone", "labels"),
        *("overlap", "behaviour", "training", "data", "made"),
    ]


def test_a_study_of_an_earlier_version_has_those_it_had():
    anchors = [each.anchor for each in sections(factory.study(), {})]
    assert anchors == ["ladder", "comparisons", "seeds", "cost", "confusion", "training", "data", "made"]


def test_the_first_screen_has_the_ladder_and_the_costs():
    assert [figure.name for figure in first_figures(WON)] == ["ladder", "costs"]
    assert first_figures(factory.study((factory.failed(),), ())) == ()
    unpriced = replace(WON, arms=tuple(replace(arm, cost=None) for arm in WON.arms))
    assert [figure.name for figure in first_figures(unpriced)] == ["ladder"]
    assert first_figures(studies.with_answers())[1].caption.endswith(" Not measured: api.")


# ------------------------------------------------------------------------------------------ ladder, comparisons


def test_the_ladder_says_what_each_arm_used_validation_for():
    table = tables(section(WON, "ladder"))[1]
    assert row(table, "tfidf")[1] == "C chosen on it, then a refit on train and validation."
    assert len(tables(section(factory.study(), "ladder"))) == 1


def test_an_arm_that_gives_labels_only_is_said_to():
    result = studies.with_answers()
    metrics, uses = tables(section(result, "ladder"))
    assert [column.title for column in metrics.columns][6] == "Loss"
    assert row(metrics, "api")[6] == "labels only"
    assert row(metrics, "api")[8:] == ["labels only"] * 2
    assert row(metrics, "lora")[6].startswith("0.264")
    assert row(uses, "api")[1] == "Not known."
    assert "Left out, as they give labels only: api." in words(section(result, "calibration"))


@pytest.mark.parametrize(
    ("delta", "p", "holm", "expected"),
    [
        (Metric(0.1, 0.05, 0.15), 0.01, math.nan, WIN),
        (Metric(0.1, 0.05, 0.15), 0.01, 0.04, WIN),
        (Metric(0.1, 0.05, 0.15), 0.01, 0.06, TIE),
        (Metric(-0.1, -0.15, -0.05), 0.01, 0.01, LOSS),
        (Metric(0.1, 0.0, 0.2), 0.04, math.nan, TIE),
        (Metric(0.1, 0.01, 0.2), 0.06, math.nan, TIE),
        (Metric(0.1, 0.01, 0.2), math.nan, math.nan, TIE),
        (Metric(math.nan, math.nan, math.nan), 0.01, 0.01, TIE),
    ],
)
def test_outcome_goes_by_the_corrected_p(delta, p, holm, expected):
    comparison = replace(factory.comparison(), delta_accuracy=delta, p_value=p, p_holm=holm)
    assert outcome(comparison) == expected


def test_comparisons_show_all_three_ps_and_the_detectable_gap():
    table = tables(section(WON, "comparisons"))[0]
    titles = [column.title for column in table.columns]
    cells = dict(zip(titles, row(table, "full against tfidf"), strict=True))
    assert cells["p after Holm"] == "0.040"
    assert cells["Exact p"] == "0.0030"
    assert cells["Mid-p"] == "0.0026"
    assert cells["Detectable gap"] == "2.4"
    assert cells["Verdict"] == "full is better"


def test_of_many_pairs_those_of_the_verdicts_arm_stand_open():
    found = section(WON, "comparisons")
    assert found is not None
    first, rest = found.blocks[0], found.blocks[1]
    assert isinstance(first, Table)
    assert all("full" in cells[0].text for cells in first.rows)
    assert isinstance(rest, Group)
    assert (rest.title, rest.folded) == ("The other 15 pairs", True)
    assert "Telling rows: full against tfidf" in words(found)
    assert "Telling rows of the other 20 pairs" in words(found)


def test_other_seeds_have_a_table_of_their_own():
    *_, others = (table for table in tables(section(WON, "comparisons")))
    assert [cells[-1].text for cells in others.rows] == ["1"]


def test_power_in_words():
    assert "With 1,000 test rows a gap under 2.4 points cannot be told from chance" in words(
        section(WON, "comparisons")
    )
    assert "cannot be told from chance" not in words(section(factory.study(), "comparisons"))


def test_cross_validation_has_its_own_test():
    result = studies.cross_validated()
    assert "corrected resampled t-test" in words(section(result, "comparisons"))
    assert "McNemar" not in words(section(result, "comparisons"))
    assert "McNemar's exact test" in words(section(WON, "comparisons"))


# --------------------------------------------------------------------------------------------- seeds, calibration


def test_seeds_have_mean_spread_and_every_run():
    pairs, spread, *runs = tables(section(WON, "seeds"))
    assert row(spread, "lora") == [
        "lora low-rank adapters",
        *("83.6 %", "83.0 %", "84.2 %", "1.2", "2"),
    ]
    assert [table.caption for table in runs] == ["lora over 2 seeds", "full over 2 seeds"]
    assert row(pairs, "full against tfidf")[1:6] == [
        *("+4.1 +2.1 to +6.1", "+4.7 +2.7 to +6.7", "2 and 1", "0.6", "1.1"),
    ]


def test_runs_of_a_learning_curve_are_no_seeds():
    grown = factory.seed_scores((0.6,), 100) + factory.seed_scores((0.8,), 1000)
    assert section(factory.study((replace(factory.lora(), seeds=grown),), ()), "seeds") is None


def test_one_seed_each_has_no_spread_from_seeds():
    one = replace(WON.seed_comparisons[0], seed_sd=math.nan)
    cells = tables(section(replace(WON, seed_comparisons=(one,)), "seeds"))[0].rows[0]
    assert (cells[4].text, cells[4].why) == ("–", "one seed each")


def test_calibration_with_and_without_the_temperature():
    (table,) = tables(section(WON, "calibration"))
    assert row(table, "lora")[1:] == [
        *("6.2 % 4.7 to 7.7", "0.310 0.290 to 0.330", "0.480 0.450 to 0.510", "1.31", "2.1 %", "0.290", "0.440"),
    ]


def test_an_arm_without_a_temperature():
    bare = replace(studies.calibration(0.8, 100), temperature=math.nan, scaled={})
    result = replace(WON, arms=tuple(replace(arm, calibration=bare) for arm in WON.arms))
    (table,) = tables(section(result, "calibration"))
    assert row(table, "lora")[4:] == ["–"] * 4


def test_six_labels_get_tables_and_many_a_picture_of_each_arm():
    six = section(studies.whole("tied", 6), "confusion")
    assert tables(six)[0].caption == "Confusion matrix of majority"
    many = section(studies.whole("won", 77, 3080), "confusion")
    assert many is not None
    open_ones = [block.title for block in many.blocks if isinstance(block, Group) and not block.folded]
    assert open_ones == ["full"]
    assert sum(isinstance(block, Figure) and block.scrolls for block in every(many.blocks)) == 7
