from __future__ import annotations

import math

import pytest

from lightune.report import format as show


def plain(text: str) -> str:
    return text.replace(show.SPACE, " ")


CASES = [
    (show.decimal, (0.4312,), "0.431"),
    (show.decimal, (-0.0001,), "0.000"),
    (show.decimal, (-0.5, 2), "−0.50"),
    (show.decimal, (math.inf,), "–"),
    (show.percent, (0.813,), "81.3 %"),
    (show.percent, (0.0,), "0.0 %"),
    (show.percent, (1.0,), "100.0 %"),
    (show.percent, (None,), "–"),
    (show.percent, (math.nan,), "–"),
    (show.bare_percent, (0.7885,), "78.8"),
    (show.points, (0.31,), "+31.0"),
    (show.points, (-0.031,), "−3.1"),
    (show.points, (0.0,), "0.0"),
    (show.points, (-0.0001,), "0.0"),
    (show.points, (math.nan,), "–"),
    (show.share, (36_864, 4_057_600), "0.9 %"),
    (show.share, (1, 4_000), "0.03 %"),
    (show.share, (1, 10_000_000), "< 0.01 %"),
    (show.share, (0, 100), "0.0 %"),
    (show.share, (0, 0), "–"),
    (show.count, (1_234_567,), "1,234,567"),
    (show.count, (None,), "–"),
    (show.rate, (12.345,), "12.3"),
    (show.rate, (24_310.4,), "24,310"),
    (show.rate, (None,), "–"),
    (show.p_value, (1.0,), "1.0"),
    (show.p_value, (0.574,), "0.57"),
    (show.p_value, (0.0234,), "0.023"),
    (show.p_value, (0.00123,), "0.0012"),
    (show.p_value, (0.00099,), "< 0.001"),
    (show.p_value, (0.0,), "< 0.001"),
    (show.p_value, (math.nan,), "–"),
    (show.p_phrase, (1e-9,), "p < 0.001"),
    (show.p_phrase, (0.02,), "p = 0.020"),
    (show.seconds, (0,), "0 s"),
    (show.seconds, (0.0001,), "< 1 ms"),
    (show.seconds, (0.0031,), "3 ms"),
    (show.seconds, (0.00996,), "0.01 s"),
    (show.seconds, (0.4211,), "0.42 s"),
    (show.seconds, (4.21,), "4.2 s"),
    (show.seconds, (42.4,), "42 s"),
    (show.seconds, (59.6,), "1 min 0 s"),
    (show.seconds, (200.4,), "3 min 20 s"),
    (show.seconds, (3599.7,), "1 h 0 min"),
    (show.seconds, (4320,), "1 h 12 min"),
    (show.seconds, (None,), "–"),
    (show.size, (0,), "0 KiB"),
    (show.size, (12_000,), "12 KiB"),
    (show.size, (19_293_798,), "18.4 MiB"),
    (show.size, (309_900_000,), "296 MiB"),
    (show.size, (1_331_439_862,), "1.24 GiB"),
    (show.size, (None,), "–"),
    (show.setting, (None,), "–"),
    (show.setting, (True,), "yes"),
    (show.setting, (5e-4,), "0.0005"),
    (show.setting, (1e-05,), "1e-05"),
    (show.setting, (("c_attn", "c_proj"),), "c_attn, c_proj"),
    (show.setting, ({"a": 1, "b": False},), "a: 1, b: no"),
    (show.setting, ([],), "–"),
]


@pytest.mark.parametrize(("write", "values", "expected"), CASES, ids=[f"{c[0].__name__}{c[1]}" for c in CASES])
def test_a_number_is_written_as_people_read_it(write, values, expected):
    assert plain(write(*values)) == expected


def test_a_number_and_its_unit_stay_on_one_line():
    for text in (show.percent(0.5), show.seconds(200), show.size(5e6), show.p_phrase(0.5)):
        unit = text.split(" ")[0] if "min" in text else text
        assert " " not in unit
