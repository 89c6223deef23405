from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit

from lightune.evaluation import learning_curve
from lightune.records import Curve, CurvePoint, from_json, to_json

from .helpers import calls

SIZES = (50, 100, 200, 400, 800, 1600)


def power_law(n: object, ceiling: float, gap: float, rate: float) -> np.ndarray:
    return ceiling - gap * np.asarray(n, dtype=np.float64) ** -rate


def exact(*parameters: float, sizes: tuple[int, ...] = SIZES, seeds: int = 2) -> list[CurvePoint]:
    """Points on the curve itself."""
    values = power_law(sizes, *parameters)
    return [CurvePoint(size, (float(value),) * seeds) for size, value in zip(sizes, values, strict=True)]


def measured(
    parameters: tuple[float, float, float], sizes: tuple[int, ...], seeds: int, rows: int, seed: int
) -> list[CurvePoint]:
    """Points as trainings and test rows make them.

    Each training's accuracy on all rows there are varies about the curve, less with more rows. Of the test rows, the
    same for all, each is easy or hard; a fifth of them fall anew in each training.
    """
    generator = np.random.default_rng(seed)
    hardness = generator.random(rows)
    points = []
    for size, accuracy in zip(sizes, power_law(sizes, *parameters), strict=True):
        seen = []
        for _ in range(seeds):
            own = accuracy + generator.normal(0, 0.02 * (sizes[0] / size) ** 0.5)
            here = np.where(generator.random(rows) < 0.2, generator.random(rows), hardness)
            seen.append(float((here < own).mean()))
        points.append(CurvePoint(size, tuple(seen)))
    return points


@pytest.mark.parametrize("parameters", [(0.92, 1.5, 0.4), (0.85, 0.35, 0.1), (0.8, 3.0, 0.8), (1.0, 0.9, 0.2)])
def test_points_on_a_curve_give_that_curve(parameters: tuple[float, float, float]) -> None:
    found = learning_curve("lora", exact(*parameters), rows=10_000, resamples=50)
    assert found.reason is None
    assert found.doubling is not None
    largest, twice = power_law([1600, 3200], *parameters)
    assert found.doubling.value == pytest.approx(twice - largest, abs=2e-4)
    assert list(found.fitted) == ["ceiling", "gap", "rate"]
    ceiling, gap, rate = parameters
    assert found.fitted["ceiling"] == pytest.approx(ceiling, abs=0.01)
    assert found.fitted["gap"] == pytest.approx(gap, rel=0.1)
    assert found.fitted["rate"] == pytest.approx(rate, rel=0.03)
    assert from_json(Curve, to_json(found)) == found


@pytest.mark.parametrize("seed", range(6))
def test_no_curve_of_scipys_is_nearer_to_the_points(seed: int) -> None:
    """scipy's curve_fit, with the same weights, from several starts."""
    points = measured((0.9, 1.2, 0.35), SIZES, 3, 500, seed)
    found = learning_curve("lora", points, rows=500, resamples=1)
    means = np.array([np.mean(point.accuracy) for point in points])
    errors = np.sqrt((means * 500 + 1) / 502 * (1 - (means * 500 + 1) / 502) / 3)

    def loss(parameters: object) -> float:
        return float((((means - power_law(SIZES, *parameters)) / errors) ** 2).sum())  # type: ignore[misc]

    fits = []
    for rate in (0.1, 0.3, 1.0):
        start = (0.95, 0.3 * 50**rate, rate)
        bounds = ([0, 0, 0.01], [1, np.inf, 2])
        fits.append(curve_fit(power_law, SIZES, means, p0=start, sigma=errors, bounds=bounds, max_nfev=20_000)[0])
    best = min(fits, key=loss)
    assert loss(found.fitted.values()) <= loss(best) * 1.002 + 1e-9
    largest, twice = power_law([1600, 3200], *best)
    assert found.doubling is not None
    assert found.doubling.value == pytest.approx(twice - largest, abs=1e-4)


def test_points_may_come_in_any_order_and_go_out_by_size() -> None:
    points = exact(0.9, 1.0, 0.4)
    assert learning_curve("lora", points[::-1], 1000, resamples=20) == learning_curve(
        "lora", points, 1000, resamples=20
    )
    assert learning_curve("lora", points[::-1], 1000, resamples=20).points == tuple(points)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    points = measured((0.9, 1.2, 0.35), SIZES, 2, 500, 0)
    first, again, other = (learning_curve("lora", points, 500, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first.doubling is not None
    assert other.doubling is not None
    assert first.doubling.value == other.doubling.value
    assert first.doubling.high != other.doubling.high
    assert first.doubling.low <= first.doubling.value <= first.doubling.high


def test_a_flat_or_falling_curve_promises_nothing() -> None:
    flat = learning_curve("majority", exact(0.5, 0.0, 1.0), rows=1000)
    assert flat.doubling is not None
    assert (flat.doubling.low, flat.doubling.value) == (0, 0)
    assert flat.doubling.high < 0.02
    falling = [CurvePoint(size, (0.9 - place / 50,)) for place, size in enumerate(SIZES)]
    found = learning_curve("lora", falling, rows=1000)
    assert found.doubling is not None
    assert (found.doubling.low, found.doubling.value) == (0, 0)
    assert found.fitted["gap"] == 0


def test_all_right_at_every_size_is_a_curve_too() -> None:
    found = learning_curve("lora", exact(1.0, 0.0, 1.0), rows=50)
    assert found.doubling is not None
    assert (found.doubling.value, found.doubling.high) == (0, pytest.approx(0, abs=0.05))
    assert found.fitted["ceiling"] == 1


def test_the_ceiling_stays_at_1() -> None:
    # A line in log n: the best unbounded ceiling would be far above 1.
    points = [CurvePoint(size, (0.55 + 0.08 * place,)) for place, size in enumerate(SIZES)]
    found = learning_curve("lora", points, rows=1000)
    assert found.doubling is not None
    assert found.fitted["ceiling"] == 1
    assert 0 < found.doubling.value < 0.05


@pytest.mark.parametrize(
    ("sizes", "there"), [((), "there are none"), ((100,), "there are 1 (100)"), ((100, 200, 4000), "100, 200, 4,000")]
)
def test_too_few_sizes_give_the_reason(sizes: tuple[int, ...], there: str) -> None:
    found = learning_curve("lora", exact(0.9, 1.0, 0.4, sizes=sizes), rows=1000)
    assert found.doubling is None
    assert found.fitted == {}
    assert found.reason is not None
    assert found.reason.startswith("A curve needs 4 train sizes or more")
    assert there in found.reason
    assert len(found.points) == len(sizes)


def test_more_seeds_and_more_rows_narrow_the_interval() -> None:
    def width(seeds: int, rows: int) -> float:
        widths = []
        for seed in range(10):
            points = measured((0.92, 1.5, 0.4), SIZES, seeds, rows, seed)
            doubling = learning_curve("lora", points, rows, resamples=200).doubling
            assert doubling is not None
            widths.append(doubling.high - doubling.low)
        return float(np.median(widths))

    assert width(6, 1000) < 0.9 * width(2, 1000)
    assert width(3, 4000) < 0.9 * width(3, 250)


def test_seeds_that_differ_more_widen_the_interval() -> None:
    def width(apart: float) -> float:
        points = [
            CurvePoint(p.train_size, (p.accuracy[0] - apart, p.accuracy[0] + apart)) for p in exact(0.9, 1.0, 0.4)
        ]
        doubling = learning_curve("lora", points, rows=100_000).doubling
        assert doubling is not None
        return doubling.high - doubling.low

    assert width(0.0) < 0.5 * width(0.005) < 0.5 * width(0.02)


@pytest.mark.parametrize(
    ("points", "rows", "resamples", "fault"),
    [
        ([CurvePoint(10, (1.2,))], 10, 10, "accuracies from 0 to 1"),
        ([CurvePoint(10, (float("nan"),))], 10, 10, "accuracies from 0 to 1"),
        ([CurvePoint(10, ())], 10, 10, "accuracies from 0 to 1"),
        ([CurvePoint(10, (0.5,)), CurvePoint(10, (0.6,))], 10, 10, r"each once, are expected, got \[10, 10\]"),
        ([CurvePoint(0, (0.5,))], 10, 10, "train sizes of at least 1"),
        ([], 0, 10, "rows: at least 1"),
        ([], 10, 0, "resamples: at least 1"),
    ],
)
def test_unsound_points_are_refused(points: list[CurvePoint], rows: int, resamples: int, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        learning_curve("lora", points, rows, resamples)


def test_a_thousand_resamples_are_fitted_at_once() -> None:
    points = measured((0.9, 1.2, 0.35), SIZES, 5, 1000, 0)

    def work(resamples: int) -> int:
        return calls(lambda: learning_curve("lora", points, 1000, resamples))

    work(10)  # what is done once a process
    assert work(1000) < 1.5 * work(10)


def coverage(parameters: tuple[float, float, float], sizes: tuple[int, ...], seeds: int, draws: int) -> float:
    largest, twice = power_law([sizes[-1], 2 * sizes[-1]], *parameters)
    held = 0
    for seed in range(draws):
        doubling = learning_curve(
            "lora", measured(parameters, sizes, seeds, 1000, seed), 1000, resamples=200, seed=seed
        ).doubling
        assert doubling is not None
        # A twentieth of a point either way: where the truth is 0, a low end of nearly 0 is no claim.
        held += doubling.low - 5e-4 <= twice - largest <= doubling.high + 5e-4
    return held / draws


@pytest.mark.full
@pytest.mark.parametrize(
    ("parameters", "seeds"),
    [((0.92, 1.5, 0.4), 1), ((0.92, 1.5, 0.4), 2), ((0.85, 0.35, 0.1), 3), ((0.8, 3.0, 0.8), 2)],
)
def test_the_interval_holds_the_true_doubling(parameters: tuple[float, float, float], seeds: int) -> None:
    assert 0.90 <= coverage(parameters, SIZES, seeds, draws=200) <= 0.995


@pytest.mark.full
def test_what_a_flat_curve_promises_is_within_the_noise() -> None:
    values = []
    for seed in range(200):
        doubling = learning_curve("lora", measured((0.75, 0.0, 1.0), SIZES, 2, 1000, seed), 1000, 100).doubling
        assert doubling is not None
        assert doubling.low >= 0
        values.append(doubling.value)
    assert np.median(values) < 0.001
    assert np.quantile(values, 0.95) < 0.004
    assert coverage((0.75, 0.0, 1.0), SIZES, seeds=2, draws=200) >= 0.94
