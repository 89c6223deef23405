from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from lightune.records import Calibration, Curve, CurvePoint, Metric, TrainingPoint
from lightune.report.document import HALF, NARROW, WIDE
from lightune.report.pictures.cast import Cast, cast_of
from lightune.report.pictures.confusion import cells_of, heat_map
from lightune.report.pictures.costs import Panel, accuracy_against_cost
from lightune.report.pictures.curves import law, learning_curves
from lightune.report.pictures.heights import heights
from lightune.report.pictures.ladder import ladder
from lightune.report.pictures.panels import log_scale
from lightune.report.pictures.prices import PRICES, points_of
from lightune.report.pictures.reliability import reliability
from lightune.report.pictures.slices import forest
from lightune.report.pictures.training import thinned, training_curve, validation
from lightune.report.svg import ACCENT, MUTED, OTHER, canvas, inline

from . import factory, studies
from .found import curves

CAST = Cast("lora", "pretrained")


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def spoken(drawn: str) -> str:
    """The picture's text alternative."""
    opening = drawn[: drawn.index(">")]
    assert 'role="img"' in opening
    return plain(opening.split('aria-label="')[1].split('"')[0])


# ------------------------------------------------------------------------------------------------- the ladder


@pytest.mark.parametrize("width", [HALF, NARROW])
def test_the_ladder_names_each_arm_with_its_value(width):
    drawn = ladder((factory.pretrained(), factory.lora()), CAST, "ladder", width)
    assert f'viewBox="0 0 {width} ' in drawn
    for words in ("pretrained", "lora", "81.3 % (78.9 to 83.7)"):
        assert f">{words}</text>" in plain(drawn)
    assert "pretrained: 50.6 %, 47.5 to 53.7" in spoken(drawn)


def test_the_ladder_has_a_ring_for_every_seed():
    one = ladder((factory.lora(),), CAST, "x", HALF).count("<use")
    arm = replace(factory.lora(), seeds=factory.seed_scores((0.8,) * 5, 10))
    assert ladder((arm,), CAST, "x", HALF).count("<use") - one == 5


def test_the_ladder_without_rings_leaves_no_room_for_them():
    alone = ladder((replace(factory.lora(), seeds=()),), CAST, "x", HALF)
    arm = replace(factory.lora(), seeds=factory.seed_scores((0.2, 0.9), 10))
    assert ladder((arm,), CAST, "x", HALF, rings=False) == alone


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_ladder_never_shows_less_than_none_or_more_than_all(value):
    arm = replace(factory.lora(), metrics={"accuracy": Metric(value, 0.0, 1.0)}, seeds=())
    ticks = [float(tick) for tick in re.findall(r">(-?[\d.]+) %</text>", ladder((arm,), CAST, "x", HALF))]
    assert min(ticks) >= 0
    assert max(ticks) <= 100


def test_the_ladder_of_an_interval_that_is_a_point_or_not_defined():
    for metric in (Metric(0.5, 0.5, 0.5), Metric(0.5, math.nan, math.nan)):
        assert "<svg" in ladder((replace(factory.lora(), metrics={"accuracy": metric}),), CAST, "x", HALF)


@pytest.mark.full
def test_the_verdicts_two_arms_stand_out():
    assert [CAST.colour(arm) for arm in ("lora", "pretrained", "full")] == [ACCENT, OTHER, MUTED]
    assert len({CAST.marker(arm) for arm in ("lora", "pretrained", "full")}) == 3
    assert {Cast().colour(arm) for arm in ("lora", "full")} == {ACCENT}
    assert cast_of(studies.whole("won")) == Cast("full", "tfidf")


# ------------------------------------------------------------------------------------------- accuracy against cost


@pytest.mark.full
@pytest.mark.parametrize("width", [HALF, NARROW])
def test_costs_name_every_arm_in_each_panel(width):
    result = studies.whole("won")
    drawn = accuracy_against_cost(result.arms, result.frontiers, cast_of(result), "costs", width)
    for arm in result.arms:
        assert drawn.count(f">{arm.name}</text>") == len(PRICES)
    for heading in ("Time", "Peak memory", "Saved size", "Trained parameters"):
        assert f">{heading}</text>" in drawn
    assert "lora: 83.6 % (81.3 to 85.9), 3 min 29 s, 1.23 GiB, 0.2 MiB, 36,864" in spoken(drawn)
    assert "On the Pareto front of time: majority, tfidf, lora, full;" in spoken(drawn)


def panel_of(*arms, front=()) -> Panel:
    points = points_of(arms, PRICES[0])
    accuracies = {arm.name: arm.metrics["accuracy"] for arm in arms}
    scale = log_scale([point.price for point in points], 500)
    return Panel(PRICES[0], points, scale, heights(accuracies, 100), accuracies, front)


def test_the_front_is_a_line_of_steps():
    arms = [studies.arm(name, accuracy, 2, 1000, 1) for name, accuracy in (("majority", 0.5), ("tfidf", 0.8))]
    made = panel_of(*arms, front=("majority", "tfidf"))
    (cheap, low), (dear, high) = map(made.spot, made.points)
    assert cheap < dear
    assert low > high
    assert made.steps() == [(cheap, low), (dear, low), (dear, high), (500, high)]
    assert panel_of(*arms).steps() == []


def test_a_cost_of_zero_stands_at_the_left_end_and_is_called_zero():
    free = replace(studies.arm("majority", 0.5, 2, 1000, 1), cost=factory.cost(artifact_bytes=0))
    drawn = accuracy_against_cost((free, studies.arm("lora", 0.8, 2, 1000, 1)), (), Cast(), "costs", HALF)
    assert ">0</text>" in drawn


def test_one_arm_alone_has_a_cost_picture():
    assert "<svg" in accuracy_against_cost((factory.lora(),), (), Cast("lora"), "costs", NARROW)


# ----------------------------------------------------------------------------------------------- the other pictures


def test_reliability_has_a_panel_for_each_arm_and_says_its_bins():
    made = studies.calibration(0.8, 1000)
    drawn = reliability({"lora": made, "full": made}, CAST, "r", WIDE)
    assert ">lora</text>" in drawn
    assert ">full</text>" in drawn
    assert "lora: 30 % sure and 31 % right" in spoken(drawn)


def test_reliability_of_bins_without_rows():
    empty = Calibration(factory.NAN, factory.NAN, factory.NAN, ())
    assert "<svg" in reliability({"lora": empty}, CAST, "r", NARROW)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_forest_has_every_slice_under_its_group(width):
    slices = studies.whole("won").findings.slices
    drawn = forest(slices, ("full", "tfidf"), Cast("full", "tfidf"), "s", width)
    for words in ("Length", "Negation", "1 to 41 words", "with negation", "full", "tfidf"):
        assert f">{words}</text>" in drawn
    assert "length, 1 to 41 words: full 84.2 % (79.7 to 88.7), tfidf 80.1 %" in spoken(drawn)


def test_the_forest_of_an_arm_that_a_slice_lacks():
    part = replace(studies.whole("won").findings.slices[0], accuracy={"lora": factory.NAN})
    assert "<svg" in forest([part], ("lora", "tfidf"), CAST, "s", WIDE)


def test_learning_curves_say_their_points():
    drawn = learning_curves(curves(), CAST, "l", WIDE)
    for arm in ("tfidf", "lora", "full"):
        assert f">{arm}</text>" in drawn
    assert ">3,600</text>" in drawn
    assert "tfidf: 50 rows 61.2 %" in spoken(drawn)


def test_the_law_and_where_doubling_leads():
    curve = Curve("lora", (CurvePoint(100, (0.7,)),), {"ceiling": 0.9, "gap": 2.0, "rate": 0.5})
    assert law(curve, 100) == pytest.approx(0.7)
    assert law(curve, 400) == pytest.approx(0.8)


def test_a_curve_that_could_not_be_fitted_shows_its_points_alone():
    fitted, bare = curves()[0], curves()[2]
    assert learning_curves([bare], CAST, "l", NARROW).count("<path") < learning_curves(
        [fitted], CAST, "l", NARROW
    ).count("<path")


@pytest.mark.full
def test_the_heat_map_of_77_labels_names_them_on_both_sides_and_stays_small():
    labels = studies.label_names(77)
    drawn = heat_map("lora", factory.confusion(0.8, 77, 3080), labels, "c")
    for label in labels:
        assert drawn.count(f">{label[:24]}") == 2
    assert len(drawn) < 120_000
    assert "77 true labels by 77 given ones. 80.3 % lie on the diagonal." in spoken(drawn)


@pytest.mark.full
def test_the_heat_map_of_very_many_labels_names_some():
    labels = [f"label {i}" for i in range(200)]
    drawn = heat_map("lora", factory.confusion(0.5, 200, 8000), labels, "c")
    assert ">label 0</text>" in drawn
    assert ">label 1</text>" not in drawn


def test_heat_map_cells_are_shares_of_their_row():
    right, wrong = cells_of(((3, 1), (0, 0)))
    assert right == {(0, 0): 0.75}
    assert wrong == {(0, 1): 0.25}


def test_of_very_many_confusions_the_largest_are_drawn():
    table = [[1] * 60 for _ in range(60)]
    table[7][3] = 50
    _, wrong = cells_of(table)
    assert len(wrong) == 1000
    assert next(iter(wrong)) == (7, 3)


# --------------------------------------------------------------------------------------------- the training curve


@pytest.mark.parametrize(
    ("metric", "panels"), [("loss", "loss and accuracy"), ("f1", "loss and f1"), ("absent", "loss and accuracy")]
)
def test_the_curve_shows_the_metric_that_chose_the_step(metric, panels):
    drawn = training_curve("lora", replace(factory.training(), selected_by=metric), "c", WIDE)
    assert f"train and validation {panels}; step 180 was kept" in spoken(drawn)


def test_the_curve_of_a_history_with_gaps():
    points = (TrainingPoint(1, 0.1, math.nan), TrainingPoint(2, 0.2, None, validation={"loss": math.nan}))
    facts = replace(factory.training(), history=points)
    assert "<svg" in training_curve("lora", facts, "c", NARROW)
    assert validation(points, "loss") == []


def test_a_long_history_is_thinned_and_keeps_its_end():
    points = thinned([TrainingPoint(step, step / 10, 1.0) for step in range(5001)])
    assert len(points) <= 400
    assert points[-1].step == 5000


# ------------------------------------------------------------------------------------------------ what all share


def test_two_pictures_of_a_page_share_no_id():
    first, second = (set(re.findall(r'id="([^"]+)"', ladder((factory.lora(),), CAST, name, HALF))) for name in "ab")
    assert first
    assert not first & second


@pytest.mark.full
def test_words_cannot_leave_the_picture():
    arm = replace(factory.lora(), name='</svg>"<b>$x$')
    for drawn in (
        ladder((arm,), CAST, "x", HALF),
        accuracy_against_cost((arm,), (), CAST, "x", HALF),
        reliability({arm.name: studies.calibration(0.8, 100)}, CAST, "x", WIDE),
        learning_curves([replace(curves()[0], arm=arm.name)], CAST, "x", WIDE),
        heat_map(arm.name, ((1, 2), (3, 4)), (arm.name, "b"), "x"),
        forest(
            [replace(studies.whole().findings.slices[0], name=arm.name, group=arm.name)], ("lora",), CAST, "x", WIDE
        ),
    ):
        assert drawn.count("</svg>") == 1
        assert "<b>" not in drawn


def test_an_empty_picture_is_transparent():
    drawn = inline(canvas(100, 50), "x", "nothing")
    assert drawn.startswith('<svg role="img" aria-label="nothing" width="100" height="50"')
    assert "fill: #ffffff" not in drawn
