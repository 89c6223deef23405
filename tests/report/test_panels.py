from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from lightune.report.format import SPACE
from lightune.report.pictures.panels import brief_bytes, brief_count, brief_seconds, each_span, log_scale, log_ticks
from lightune.report.pictures.placing import Spot, _box, _shared, place

WIDTH, HEIGHT, LINE = 484.0, 97.0, 15.0


def overlaps(spots: list[Spot]) -> float:
    """Square pixels that labels cover of one another or that stand out of the panel."""
    boxes = [_box(at, spot.width, LINE) for at, spot in zip(place(spots, WIDTH, HEIGHT, LINE), spots, strict=True)]
    out = sum(max(0.0, -box[0]) + max(0.0, box[2] - WIDTH) for box in boxes)
    return out + sum(_shared(*pair) for pair in combinations(boxes, 2))


def test_labels_of_a_crowd_keep_apart():
    spots = [Spot(300 + 6 * at, 20 + 9 * (at % 4), 60) for at in range(8)]
    assert overlaps(spots) == 0


def test_labels_at_the_edges_stay_in_the_panel():
    assert overlaps([Spot(0, 0, 70), Spot(WIDTH, 0, 70), Spot(0, HEIGHT, 70), Spot(WIDTH, HEIGHT, 70)]) == 0


@pytest.mark.full
def test_ten_arms_anywhere_hardly_overlap():
    drawn = np.random.default_rng(0)
    crowds = [[Spot(float(x) * WIDTH, float(y) * HEIGHT, 58) for x, y in drawn.random((10, 2))] for _ in range(20)]
    covered = [overlaps(crowd) for crowd in crowds]
    assert sum(each == 0 for each in covered) >= 15
    assert max(covered) < 100


@pytest.mark.full
def test_seventeen_arms_of_which_most_stand_close_together_never_overlap():
    drawn = np.random.default_rng(1)
    for _ in range(5):
        away, close = drawn.random((5, 2)), drawn.normal((0.8, 0.3), (0.05, 0.15), (12, 2)).clip(0, 1)
        spots = [Spot(float(x) * WIDTH, float(y) * 221, 58) for x, y in (*away, *close)]
        boxes = [_box(at, 58, LINE) for at in place(spots, WIDTH, 221, LINE)]
        assert max(_shared(*pair) for pair in combinations(boxes, 2)) == 0


def test_a_label_is_nearest_to_its_own_point():
    left, right = place([Spot(430, 20, 28), Spot(450, 19, 28)], WIDTH, HEIGHT, LINE)
    assert left.x < right.x


def test_a_label_keeps_off_what_is_taken():
    line = (100.0, 48.0, WIDTH, 52.0)
    (label,) = place([Spot(100, 50, 40)], WIDTH, HEIGHT, LINE, [line])
    assert _shared(_box(label, 40, LINE), line) == 0


@pytest.mark.parametrize("kind", ["seconds", "bytes", "count"])
def test_there_are_at_least_two_ticks_and_never_too_many(kind):
    for low, high in ((0.001, 40_000), (2, 3), (300e6, 1.7e9), (1, 1e12), (5, 5)):
        ticks = log_ticks(log_scale([low, high], 500), kind, 5)
        assert len(ticks) <= 5
        assert len(ticks) >= 2 or low == high
        assert all(0 <= at <= 500 for at, _ in ticks)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (brief_seconds(0.01), "10 ms"),
        (brief_seconds(1.0), "1 s"),
        (brief_seconds(600.0), "10 min"),
        (brief_seconds(36_000.0), "10 h"),
        (brief_bytes(500 * 2**20), "500 MiB"),
        (brief_bytes(2**30), "1 GiB"),
        (brief_bytes(12), "12 B"),
        (brief_count(100.0), "100"),
        (brief_count(30_000.0), "30k"),
        (brief_count(1e9), "1B"),
    ],
)
def test_ticks_are_short(written, expected):
    assert written.replace(SPACE, " ") == expected


def test_a_span_has_air_and_stays_near_none_and_all():
    assert each_span([0.5, 0.7]) == pytest.approx((0.488, 0.712))
    assert each_span([0.0, 1.0]) == (-0.01, 1.01)
    assert each_span([]) == (-0.01, 1.01)
