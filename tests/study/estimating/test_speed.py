"""That seconds are told apart into what steps, batches, tokens and lengths cost."""

from __future__ import annotations

import numpy as np
import pytest

from lightune.study.estimating.speed import Growth, Speed, fit_speed
from lightune.study.estimating.work import Work

KNOWN = Speed(call=0.004, batch=0.002, token=3e-5, square=2e-8)


def some_work(count: int, seed: int = 0) -> list[Work]:
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        batches = int(generator.integers(1, 5))
        lengths = generator.integers(20, 500, size=8 * batches)
        found.append(Work(1, batches, int(lengths.sum()), int((lengths**2).sum())))
    return found


def test_known_coefficients_are_recovered() -> None:
    found = fit_speed([(work, KNOWN.seconds(work)) for work in some_work(20)])
    for name in ("call", "batch", "token", "square"):
        assert getattr(found, name) == pytest.approx(getattr(KNOWN, name), rel=0.02)


def test_a_pause_of_the_machine_is_not_its_speed() -> None:
    seen = [(work, KNOWN.seconds(work)) for work in some_work(12)]
    seen[3] = (seen[3][0], 20 * seen[3][1])
    other = some_work(1, seed=1)[0]
    assert fit_speed(seen).seconds(other) == pytest.approx(KNOWN.seconds(other), rel=0.05)


def test_a_speed_holds_for_far_more_work_than_was_seen() -> None:
    found = fit_speed([(work, KNOWN.seconds(work)) for work in some_work(6)])
    much = sum(some_work(500, seed=2), Work())
    assert found.seconds(much) == pytest.approx(KNOWN.seconds(much), rel=0.05)


def test_no_coefficient_is_below_zero() -> None:
    # Seconds fall as tokens rise: the best line would have a slope below 0.
    seen = [(Work(1, 1, tokens, tokens), 1 / tokens) for tokens in (10, 20, 40)]
    found = fit_speed(seen)
    assert min(found.call, found.batch, found.token, found.square) >= 0


def test_nothing_seen_gives_no_speed() -> None:
    with pytest.raises(ValueError, match="at least one"):
        fit_speed([(Work(calls=1), 0.0)])


@pytest.mark.parametrize(
    ("small", "large", "size", "expected"),
    [
        ((100, 1.0), (200, 2.0), 400, 4.0),
        # As the square root: a fourfold size costs twice as much.
        ((100, 1.0), (400, 2.0), 1600, 4.0),
        # Too near each other to tell a power: in proportion.
        ((100, 9.0), (101, 2.0), 202, 4.0),
        # Faster than a power of 1.2 is noise.
        ((100, 0.01), (200, 1.0), 400, 2**1.2),
        ((100, 0.0), (200, 0.0), 400, 0.0),
    ],
)
def test_a_cost_grows_as_a_power_of_the_size(
    small: tuple[float, float], large: tuple[float, float], size: float, expected: float
) -> None:
    assert Growth(small, large).at(size) == pytest.approx(expected)
