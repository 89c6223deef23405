"""Methods on equal terms, and certificates."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations

import pytest

from lightune.evaluation import frontiers
from lightune.records import FAIL, Check
from lightune.report import render_html, render_markdown
from lightune.report.document import HALF, NARROW, WIDE, Figure
from lightune.report.first_screen import first_figures
from lightune.report.format import SPACE
from lightune.report.headline import headline
from lightune.report.pictures import costs
from lightune.report.pictures.cast import Cast, cast_of
from lightune.report.pictures.costs import accuracy_against_cost, broken_scales
from lightune.report.pictures.heights import heights
from lightune.report.pictures.placing import _box, _shared, place
from lightune.report.pictures.prices import METHOD_PRICES, PRICES

from . import factory, many_methods, studies
from .blocks import row, section, tables, words
from .page import table_shapes

MANY = many_methods.study()


def plain(text: str) -> str:
    return text.replace(SPACE, " ")


def of(*arms, **changes):
    return replace(factory.study(tuple(arms), ()), config={}, **changes)


# ------------------------------------------------------------------------------------------------- equal terms


def test_every_fine_tuned_arm_is_a_row():
    table = tables(section(MANY, "methods"))[0]
    assert [cells[0].text for cells in table.rows] == ["full", *many_methods.METHODS]
    titles = [column.title for column in table.columns]
    assert titles == [
        "Method",
        "Accuracy",
        "F1",
        "Trained parameters",
        "Learning rate",
        "Steps",
        "Training time",
        "Peak memory",
        "Saved size",
    ]
    assert row(table, "lora") == [
        "lora low-rank adapters",
        "83.6 % 81.3 to 85.9",
        "84.0 % 81.7 to 86.3",
        "1,181,184 0.9 %",
        "0.0005 best of 3 tried",
        "240 of 300 planned",
        "10 min 12 s 27 s of it search",
        "2.15 GiB",
        "4.5 MiB",
    ]
    assert row(table, "ia3")[4] == "0.0005 default"


def test_without_two_adapters_there_is_no_such_section():
    lora, full = many_methods.method("lora"), next(arm for arm in MANY.arms if arm.name == "full")
    assert section(of(lora, full), "methods") is None
    assert section(of(lora, many_methods.method("dora")), "methods") is not None
    assert section(factory.study((factory.failed(),), ()), "methods") is None


def test_equal_terms_are_called_equal():
    found = words(section(of(many_methods.method("lora"), many_methods.method("dora")), "methods"))
    assert "All 2 were trained on equal terms: the same rows, seeds, planned steps" in found
    assert "a learning rate that was its default." in found
    assert "differ" not in found.split("equal terms:")[1]


def test_unequal_terms_are_said_with_who_has_which():
    short_one = many_methods.method("ia3")
    short_one = replace(short_one, training=replace(short_one.training, planned_steps=1200))
    found = words(
        section(of(many_methods.method("lora", True), many_methods.method("oft", True), short_one), "methods")
    )
    assert "The terms differ, so a difference between these arms need not be one between the methods." in found
    assert "How the learning rate was found: searched for lora and oft; default for ia3." in found
    assert "Planned steps: 300 for lora and oft; 1,200 for ia3." in found


def test_the_rates_that_were_tried_are_all_there():
    table = tables(section(MANY, "methods"))[1]
    assert [column.title for column in table.columns] == ["Method", "0.0001", "0.0005", "0.002"]
    assert row(table, "vera") == ["vera", "0.631", "0.502 chosen", "–"]
    assert "ia3" not in [cells[0].text for cells in table.rows]


def test_a_choice_at_the_edge_is_said():
    arm = many_methods.method("lora", True)
    best = replace(arm.training, recipe={**arm.training.recipe, "learning_rate": 2e-3})
    found = words(section(of(replace(arm, training=best), many_methods.method("dora", True)), "methods"))
    assert "lora chose the highest rate that was tried: a better one may lie beyond it." in found
    assert "dora chose" not in found


def test_figures_that_are_missing_are_dashes():
    bare = replace(many_methods.method("lora"), metrics={}, seeds=())
    bare = replace(bare, training=replace(bare.training, recipe={}))
    table = tables(section(of(bare, many_methods.method("dora"), many_methods.method("oft")), "methods"))[0]
    assert [row(table, "lora")[at] for at in (1, 4)] == ["–", "–"]


# ------------------------------------------------------------------------------------------------- the pictures


@pytest.mark.parametrize("width", [WIDE, HALF, NARROW])
@pytest.mark.parametrize("prices", [PRICES, METHOD_PRICES])
@pytest.mark.full
def test_the_names_of_seventeen_arms_never_overlap(width, prices, monkeypatch):
    """And none stands out of its panel."""
    seen = []

    def watched(spots, across, height, line, taken):
        placed = place(spots, across, height, line, taken)
        seen.append([_box(at, spot.width, line) for at, spot in zip(placed, spots, strict=True)])
        assert all(box[0] >= 0 and box[2] <= across and box[1] >= -1 and box[3] <= height + 1 for box in seen[-1])
        return placed

    monkeypatch.setattr(costs, "place", watched)
    drawn = accuracy_against_cost(MANY.arms, MANY.frontiers, cast_of(MANY), "c", width, prices)
    assert len(seen) == len(prices)
    assert max(_shared(*pair) for boxes in seen for pair in combinations(boxes, 2)) == 0
    for arm in MANY.arms:
        assert len(re.findall(rf">{arm.name}( 50\.\d\s%)?</text>", drawn)) == len(prices)


def test_of_many_arms_those_far_below_stand_at_the_foot_with_their_accuracy():
    accuracies = {arm.name: arm.metrics["accuracy"] for arm in MANY.arms}
    made = heights(accuracies, 200)
    assert made.apart == ("pretrained", "majority")
    assert made.scale == 200
    assert made.of("majority", 0.5) > made.of("pretrained", 0.506) > 200 > made.of("prompt-tuning", 0.752)
    assert heights(dict(list(accuracies.items())[:8]), 200).apart == ()
    assert heights(dict.fromkeys("abcdefghij", factory.metrics(0.5)["accuracy"]), 200).apart == ()


def test_a_caption_names_the_breaks_that_a_picture_has():
    assert "What costs 0 stands left of the break" in broken_scales(MANY.arms)
    assert "Arms far below the others stand at the foot" in broken_scales(MANY.arms)
    assert broken_scales([many_methods.method("lora")]) == ""


@pytest.mark.full
def test_the_picture_of_methods_has_the_front_of_the_fine_tuned_alone():
    (figure,) = (block for block in section(MANY, "methods").blocks if isinstance(block, Figure))
    told = plain(str(figure.wide)).split('aria-label="')[1].split('"')[0]
    assert "tfidf" not in told
    fronts = {front.cost: front.arms for front in frontiers([arm for arm in MANY.arms if arm.training])}
    assert f"of trained parameters: {', '.join(fronts['trainable_parameters'])};" in told


@pytest.mark.full
def test_results_of_an_earlier_version_have_no_panel_for_trained_parameters():
    recorded = [front for front in MANY.frontiers if front.cost in ("seconds", "peak_memory_bytes", "artifact_bytes")]
    for result, there in ((MANY, True), (replace(MANY, frontiers=tuple(recorded)), False)):
        (costs_,) = (figure for figure in first_figures(result) if figure.name == "costs")
        assert (">Trained parameters</text>" in costs_.wide) is there
        assert "The section Methods on equal terms has the fine-tuned arms by themselves." in costs_.caption
    assert "Methods on equal terms" not in str([figure.caption for figure in first_figures(factory.study())])


@pytest.mark.full
def test_marks_are_full_on_the_front_and_hollow_off_it():
    arms = [many_methods.method("lora"), many_methods.method("boft")]
    hollow = "fill: var(--page)"
    assert hollow in accuracy_against_cost(arms, frontiers(arms), Cast("lora", "boft"), "c", WIDE)
    assert hollow not in accuracy_against_cost(arms, (), Cast("lora", "boft"), "c", WIDE)


# ------------------------------------------------------------------------------------------------ certificates


def test_every_arm_and_line_has_a_mark():
    matrix, lines = tables(section(MANY, "certificate"))
    assert [column.title for column in matrix.columns] == ["Arm", *many_methods.CHECKS]
    assert [cells[0].text for cells in matrix.rows] == list(many_methods.METHODS)
    assert row(matrix, "lora")[:5] == ["lora 65 texts, 7 cut", "✓ pass 3.7e−06", "✓ pass 3.7e−06", "✓ pass", "✓ pass 0"]
    assert row(matrix, "oft")[2] == "✗ fail 3.1e−03"
    assert row(matrix, "prefix-tuning")[6] == "n.a."
    assert [cells[0].text for cells in lines.rows] == list(many_methods.CHECKS)
    assert row(lines, "padding")[1:] == ["padded left, padded right, longer", "1e−05", "3.1e−03 oft"]
    assert row(lines, "base untouched")[2:] == ["0", "0"]


def test_reasons_stand_below_those_that_are_the_same_once():
    found = words(section(MANY, "certificate"))
    assert "The certificate of oft failed at padding, with a difference of 3.1e−03 where 1e−05 is allowed." in found
    assert "Padded left, the rotations took the padding for text." in found
    assert found.count("there is no weight to merge them into") == 1
    assert "merged = unmerged, of prefix-tuning, prompt-tuning: Its vectors" in found


def test_a_line_that_an_arm_lacks_and_one_with_an_unknown_outcome():
    arm, other = many_methods.method("lora"), many_methods.method("dora")
    odd = replace(arm.certificate, rows=1, cut_rows=0, checks=(Check("new", "x", "later"),))
    matrix = tables(section(of(replace(arm, certificate=odd), other), "certificate"))[0]
    assert row(matrix, "lora")[:3] == ["lora 1 text", "later", "–"]
    assert row(matrix, "dora")[1] == "–"


def test_failed_lines_stand_at_the_top():
    warnings = [line for line in headline(MANY).more if line.tone == "bad"]
    assert [plain(line.text) for line in warnings] == [
        "The certificate of oft failed at padding, with a difference of 3.1e−03 where 1e−05 is allowed. "
        "Padded left, the rotations took the padding for text."
    ]
    assert not [line for line in headline(studies.whole("won")).more if line.tone == "bad"]


def test_many_failed_lines_are_one_sentence_at_the_top():
    def failing(name):
        made = many_methods.method(name)
        checks = (Check("padding", "x", FAIL), Check("stock peft", "x", FAIL, reason="a long one"))
        return replace(made, certificate=replace(made.certificate, checks=checks))

    (line,) = (line for line in headline(of(failing("lora"), failing("dora"))).more if line.tone == "bad")
    assert line.text == (
        "Certificates have failed lines: lora (padding, stock peft); dora (padding, stock peft). "
        "The section Certificate has the reasons."
    )
    assert "The certificate of lora failed at padding." in words(section(of(failing("lora")), "certificate"))


def test_without_certificates_there_is_no_such_section():
    assert section(studies.whole("won"), "certificate") is None


# ---------------------------------------------------------------------------------------------------- both pages


@pytest.mark.full
def test_markdown_has_the_same_facts():
    page = render_markdown(MANY, {})
    for fact in (
        "## Methods on equal terms",
        "* How the learning rate was found: default for full and ia3; searched for lora, dora,",
        "| 0.0005 (best of 3 tried) |",
        "## Certificate",
        "| oft (65 texts, 7 cut) | ✓ pass (3.7e−06) | ✗ fail (3.1e−03) |",
        "### Lines that do not apply, and why",
        "| Method | 0.0001 | 0.0005 | 0.002 |",
    ):
        assert fact in plain(page), fact
    assert all(len(set(rows)) == 1 for rows in table_shapes(page))
    assert len(page) < 65_536


@pytest.mark.full
def test_the_page_of_seventeen_arms_is_small():
    assert len(render_html(MANY, factory.texts(MANY)).encode()) < 3_000_000
