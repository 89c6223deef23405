"""What each section says, from the blocks it is made of."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lightune.records import BESIDE, Metric, Plan
from lightune.report.document import Figure, Group, Table
from lightune.report.first_screen import first_figures
from lightune.report.sections import sections

from . import factory, studies
from .blocks import every, quotes, row, section, tables, words

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


def test_whose_times_are_not_its_alone_is_said_beside_them():
    assert "Beside other runs" not in section(WON, "cost").computed
    first, *others = WON.arms
    beside = replace(WON, arms=(replace(first, notes=(f"{BESIDE} on the same machine.",)), *others))
    assert f"Beside other runs on the same machine ran {first.name}: their times" in section(beside, "cost").computed


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
        (Metric(0.1, 0.05, 0.15), 0.01, math.nan, "lora is better"),
        (Metric(0.1, 0.05, 0.15), 0.01, 0.06, "cannot be told apart"),
        (Metric(-0.1, -0.15, -0.05), 0.01, 0.01, "pretrained is better"),
        (Metric(0.1, 0.0, 0.2), 0.04, math.nan, "cannot be told apart"),
    ],
)
def test_the_verdict_on_a_pair_goes_by_the_corrected_p(delta, p, holm, expected):
    comparison = replace(factory.comparison(), delta_accuracy=delta, p_value=p, p_holm=holm)
    (table,) = tables(section(factory.study(comparisons=(comparison,)), "comparisons"))
    assert row(table, "lora against pretrained")[3] == expected


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
    assert "they speak of other rows and of other trainings" in words(section(result, "comparisons"))
    assert "One run of each arm" not in words(section(result, "comparisons"))
    columns = tables(section(result, "comparisons"))[0].columns
    assert [column.title for column in columns][4:7] == ["p after Holm", "p", "Detectable gap"]
    assert [column.why for column in columns][-4:] == ["of the first repeat"] * 4
    for table in tables(section(result, "comparisons")):
        assert {len(cells) for cells in table.rows} == {len(table.columns)}


@pytest.mark.full
def test_the_ladder_of_a_cross_validation_says_whence_its_intervals_are():
    said = words(section(studies.cross_validated(), "ladder"))
    assert "corrected resampled t over the folds" in said
    assert "mean over the repeats" in said
    assert "Wilson" not in said
    assert "too narrow" not in said
    ladder = first_figures(studies.cross_validated())[0]
    assert "rings" not in ladder.caption
    bare = tuple(replace(arm, seeds=()) for arm in studies.cross_validated().arms)
    assert ladder.wide == first_figures(replace(studies.cross_validated(), arms=bare))[0].wide


@pytest.mark.parametrize(("seeds", "few"), [(1, False), (2, True), (4, True), (5, False)])
def test_of_few_seeds_the_ladder_says_that_the_interval_is_too_narrow(seeds, few):
    said = words(section(studies.whole("won", seeds=seeds), "ladder"))
    assert ("the intervals of lora, full are a little too narrow here" in said) is few
    assert ("The differences over all seeds below have the fuller ones." in said) is few


def test_an_arm_that_gives_labels_only_has_no_share_of_the_true_label():
    result = studies.with_answers()
    pair = factory.comparison(0.05, 0.02, 0.001, a="api", b="pretrained")
    found = section(replace(result, comparisons=(pair,)), "comparisons")
    answers = [answer for block in quotes(found) for quote in block.quotes for answer in quote.answers]
    assert {answer.note for answer in answers if answer.arm == "api"} == {"label only"}
    assert all("on the true label" in answer.note for answer in answers if answer.arm == "pretrained")


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


@pytest.mark.full
def test_folds_are_not_called_seeds():
    result = studies.cross_validated()
    runs = tuple(replace(run, seed=100 + at) for at, run in enumerate(factory.seed_scores((0.8,) * 15, 320)))
    arms = tuple(replace(arm, seeds=runs) for arm in result.arms)
    found = section(
        replace(result, arms=arms, seed_comparisons=(), config={**result.config, "seed": 100}),
        "seeds",
    )
    assert found is not None
    assert found.title == "Folds"
    assert "seed" not in words(found)
    spread, first, *_ = tables(found)
    assert spread.caption == "Accuracy over folds"
    assert first.caption == "majority over 15 folds"
    assert [cells[0].text for cells in first.rows][4:6] == ["repeat 1, fold 5", "repeat 2, fold 1"]
    assert [cells[0].text for cells in first.rows][-3:] == ["all folds", "lowest", "highest"]


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


def test_the_calibration_of_a_cross_validation_has_no_temperature():
    found = section(studies.cross_validated(), "calibration")
    (table,) = tables(found)
    assert [column.title for column in table.columns] == ["Arm", "ECE", "Brier", "NLL"]
    assert {len(cells) for cells in table.rows} == {4}
    assert "first repeat, all its folds together" in words(found)
    assert "kept with the artefact" not in words(found)
    assert "kept with the artefact" in words(section(WON, "calibration"))


@pytest.mark.parametrize("anchor", ["slices", "alone", "labels", "confusion"])
def test_where_arms_are_right_and_wrong_is_told_of_the_first_repeat(anchor):
    assert "first repeat" in words(section(studies.cross_validated(), anchor))
    assert "first seed" in words(section(WON, anchor))


@pytest.mark.parametrize("anchor", ["cost", "training", "behaviour"])
def test_what_one_run_shows_is_told_of_the_first_fold(anchor):
    assert "first fold" in words(section(studies.cross_validated(), anchor))
    assert "first seed" in words(section(WON, anchor))


def test_repeated_texts_of_a_cross_validation_are_not_said_to_be_in_train():
    facts, *_ = found = tables(section(studies.cross_validated(), "data"))
    name = "Rows that repeat an earlier text; the two may stand in train and test of a fold"
    assert row(facts, name)[1] == "3"
    assert "is in train or validation" not in " ".join(cells[0].text for cells in facts.rows)
    assert found[-1].caption.endswith("cut, in the first fold")
    assert row(found[-1], "lora")[1] == "31"
    assert row(tables(section(WON, "data"))[-1], "lora")[1] == "31 3.1 %"


@pytest.mark.full
def test_six_labels_get_tables_and_many_a_picture_of_each_arm():
    six = section(studies.whole("tied", 6), "confusion")
    assert tables(six)[0].caption == "Confusion matrix of majority"
    many = section(studies.whole("won", 77, 3080), "confusion")
    assert many is not None
    open_ones = [block.title for block in many.blocks if isinstance(block, Group) and not block.folded]
    assert open_ones == ["full"]
    assert sum(isinstance(block, Figure) and block.scrolls for block in every(many.blocks)) == 7


def test_the_training_section_says_how_it_was_computed():
    plan = Plan(2, packed=True, onednn=False, micro_tokens=2048, checkpointing=False)
    arm = factory.lora()
    assert "Computed with" not in words(section(factory.study(), "training"))
    said = words(section(factory.study((replace(arm, training=replace(arm.training, plan=plan)),), ()), "training"))
    assert "2 threads, texts packed end to end" in said
    assert "at most 2,048 tokens in a micro-batch, activations kept." in said
