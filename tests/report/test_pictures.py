from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from lightune.records import Metric, TrainingPoint
from lightune.report.document import NARROW, WIDE
from lightune.report.pictures import ladder, seed_accuracies, thinned, training_curve, validation
from lightune.report.svg import canvas, inline

from . import factory


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_ladder_names_each_arm_with_its_value(width):
    drawn = ladder((factory.pretrained(), factory.lora()), "ladder", width)
    assert f'viewBox="0 0 {width} ' in drawn
    for words in ("pretrained", "lora", "81.3 % (78.9 to 83.7)"):
        assert f">{words}</text>" in drawn.replace("\N{NO-BREAK SPACE}", " ")
    assert "pretrained: 50.6" in drawn[: drawn.index(">")].replace("\N{NO-BREAK SPACE}", " ")


def test_the_ladder_has_a_ring_for_every_seed():
    one = ladder((factory.lora(),), "x", WIDE).count("<use")
    five = ladder((replace(factory.lora(), seeds=factory.seed_scores((0.8,) * 5, 10)),), "x", WIDE).count("<use")
    assert five - one == 5


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_ladder_never_shows_less_than_none_or_more_than_all(value):
    arm = replace(factory.lora(), metrics={"accuracy": Metric(value, 0.0, 1.0)}, seeds=())
    ticks = [float(tick) for tick in re.findall(r">(-?[\d.]+) %</text>", ladder((arm,), "x", WIDE))]
    assert min(ticks) >= 0
    assert max(ticks) <= 100


def test_the_ladder_of_an_interval_that_is_a_point_or_not_defined():
    for metric in (Metric(0.5, 0.5, 0.5), Metric(0.5, math.nan, math.nan)):
        assert "<svg" in ladder((replace(factory.lora(), metrics={"accuracy": metric}),), "x", WIDE)


def test_seed_accuracies_are_of_the_final_runs():
    seeds = factory.seed_scores((0.6,), 100) + factory.seed_scores((0.8, math.nan), 1000)
    assert seed_accuracies(replace(factory.lora(), seeds=seeds)) == [0.8]


@pytest.mark.parametrize(
    ("metric", "panels"), [("loss", "loss and accuracy"), ("f1", "loss and f1"), ("absent", "loss and accuracy")]
)
def test_the_curve_shows_the_metric_that_chose_the_step(metric, panels):
    drawn = training_curve("lora", replace(factory.training(), selected_by=metric), "c", WIDE)
    assert f"train and validation {panels}; step 180 was kept" in drawn


def test_the_curve_of_a_history_with_gaps():
    points = (TrainingPoint(1, 0.1, math.nan), TrainingPoint(2, 0.2, None, validation={"loss": math.nan}))
    facts = replace(factory.training(), history=points)
    assert "<svg" in training_curve("lora", facts, "c", NARROW)
    assert validation(points, "loss") == []


def test_a_long_history_is_thinned_and_keeps_its_end():
    points = thinned([TrainingPoint(step, step / 10, 1.0) for step in range(5001)])
    assert len(points) <= 400
    assert points[-1].step == 5000


def test_two_pictures_of_a_page_share_no_id():
    first, second = (set(re.findall(r'id="([^"]+)"', ladder((factory.lora(),), name, WIDE))) for name in "ab")
    assert first
    assert not first & second


def test_words_cannot_leave_the_picture():
    arm = replace(factory.lora(), name='</svg>"<b>$x$')
    drawn = ladder((arm,), "x", WIDE)
    assert drawn.count("</svg>") == 1
    assert "<b>" not in drawn


def test_an_empty_picture_is_transparent():
    drawn = inline(canvas(100, 50), "x", "nothing")
    assert drawn.startswith('<svg role="img" aria-label="nothing" width="100" height="50"')
    assert "fill: #ffffff" not in drawn
