from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, log_loss

from lightune.evaluation import apply_temperature, calibration, fit_temperature, point_metrics, wilson
from lightune.records import from_json, to_json
from lightune.records.scores import Calibration

from .helpers import calls, from_predicted, make, random_rows, softmax


def calibrated(rows: int, k: int, seed: int, times: float = 1.0, spread: float = 2.0) -> tuple[NDArray, NDArray]:
    """Labels drawn from the softmax of random logits, and the softmax of those logits times `times`."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, spread, size=(rows, k))
    labels = (softmax(logits).cumsum(axis=1) > generator.random((rows, 1))).argmax(axis=1)
    return labels.astype(np.int64), softmax(times * logits)


def true_ece(k: int, times: float) -> float:
    """Without the noise of labels: the mean gap in each of 15 bins of a very large sample."""
    logits = np.random.default_rng(99).normal(0, 2.0, size=(400_000, k))
    said, true = softmax(times * logits), softmax(logits)
    top = said.argmax(axis=1)
    at = np.arange(len(top))
    gap = said[at, top] - true[at, top]
    bin_of = np.ceil(said[at, top] * 15).astype(int)
    return float(np.abs(np.bincount(bin_of, gap)).sum() / len(top))


@pytest.mark.parametrize("k", [2, 6])
def test_brier_and_nll_are_scikit_learns(k: int) -> None:
    labels, probabilities = random_rows(300, k)
    found = calibration(make(labels, probabilities), resamples=20)
    names = list(range(k))
    scores = probabilities[:, 1] if k == 2 else probabilities
    of_sklearn = brier_score_loss(labels, scores, labels=names, scale_by_half=False)
    assert found.brier.value == pytest.approx(of_sklearn, abs=1e-12)
    assert found.nll.value == pytest.approx(log_loss(labels, probabilities, labels=names), abs=1e-9)
    assert found.nll.value == pytest.approx(point_metrics(labels, probabilities, None)["loss"], abs=1e-12)


def test_ece_and_bins_by_hand() -> None:
    # Two bins of (0, 0.5], (0.5, 1]; confidences of three labels 0.5, 0.4 | 0.6, 0.8, 0.9, 1.
    probabilities = [[0.5, 0.3, 0.2], [0.4, 0.3, 0.3], [0.6, 0.4, 0], [0.1, 0.8, 0.1], [0.05, 0.05, 0.9], [1, 0, 0]]
    labels = [0, 1, 0, 1, 0, 0]
    found = calibration(make(labels, probabilities), bins=2, resamples=50)
    assert [each.rows for each in found.bins] == [2, 4]
    assert [each.confidence for each in found.bins] == pytest.approx([0.45, 0.825])
    assert [each.accuracy for each in found.bins] == [wilson(1, 2), wilson(3, 4)]
    assert found.ece.value == pytest.approx((2 * abs(0.45 - 0.5) + 4 * abs(0.825 - 0.75)) / 6)


def test_empty_bins_are_left_out_and_all_rows_are_in_one() -> None:
    found = calibration(from_predicted([0, 1, 1, 0], [0, 1, 0, 0]), resamples=20)
    assert [(each.rows, each.confidence) for each in found.bins] == [(4, 0.9)]
    rows = random_rows(500, 6)
    assert sum(each.rows for each in calibration(make(*rows), resamples=20).bins) == 500
    sure = make([0, 1], [[1.0, 0.0], [0.0, 1.0]])
    assert [each.confidence for each in calibration(sure, resamples=20).bins] == [1.0]


def test_without_a_temperature_nothing_is_scaled() -> None:
    found = calibration(make(*random_rows(50, 2)), resamples=20)
    assert math.isnan(found.temperature)
    assert found.scaled == {}


def test_the_right_temperature_mends_all_three() -> None:
    labels, probabilities = calibrated(4000, 3, seed=1, times=2)
    found = calibration(make(labels, probabilities), temperature=2.0, resamples=100)
    truth = calibration(make(*calibrated(4000, 3, seed=1)), resamples=100)
    assert found.scaled == pytest.approx({name: getattr(truth, name).value for name in ("ece", "brier", "nll")})
    assert found.scaled["ece"] < 0.4 * found.ece.low
    assert found.scaled["nll"] < found.nll.value
    assert found.temperature == 2.0
    assert from_json(Calibration, to_json(found)) == found


def test_intervals_hold_the_value_and_follow_the_seed() -> None:
    one = make(*random_rows(200, 3))
    found = calibration(one, resamples=200)
    for metric in (found.ece, found.brier, found.nll):
        assert 0 <= metric.low <= metric.value <= metric.high
    assert found == calibration(one, resamples=200, seed=0)
    assert found.nll.low != calibration(one, resamples=200, seed=1).nll.low


def test_zeros_and_certain_errors_stay_finite() -> None:
    labels, probabilities = np.array([0, 1] * 10), np.array([[1.0, 0.0], [0.0, 1.0]] * 10)
    probabilities[0] = [0.0, 1.0]
    found = calibration(make(labels, probabilities), temperature=3.0, resamples=50)
    for value in (found.ece.value, found.nll.value, found.nll.high, *found.scaled.values()):
        assert math.isfinite(value)
    temperature = fit_temperature(labels, probabilities)
    # 19 of 20 right: the softmax of ln(1e12) / T is to be 19/20.
    assert temperature == pytest.approx(math.log(1e12) / math.log(19), rel=1e-3)
    assert np.isfinite(apply_temperature(probabilities, 0.05)).all()


@pytest.mark.parametrize("k", [2, 6])
@pytest.mark.parametrize("times", [0.5, 1.0, 2.0, 4.0])
def test_the_temperature_is_what_the_logits_were_multiplied_by(k: int, times: float) -> None:
    assert fit_temperature(*calibrated(8000, k, seed=3, times=times)) == pytest.approx(times, rel=0.06)


@pytest.mark.full
def test_no_other_temperature_is_likelier() -> None:
    labels, probabilities = calibrated(200, 3, seed=5, times=1.7)
    best = fit_temperature(labels, probabilities)
    assert best is not None

    def loss(temperature: float) -> float:
        return log_loss(labels, apply_temperature(probabilities, temperature), labels=[0, 1, 2])

    assert all(loss(best) <= loss(other) for other in np.geomspace(0.05, 20, 40))
    assert loss(best) < loss(1.0)


@pytest.mark.parametrize(
    ("labels", "probabilities"),
    [
        ([0, 1] * 4, [[0.7, 0.3]] * 8),  # eight rows
        ([1] * 20, [[0.7, 0.3], [0.2, 0.8]] * 10),  # one label
        ([0, 1] * 10, [[0.9, 0.1], [0.2, 0.8]] * 10),  # all right: the surer the better
        ([1, 0] * 10, [[0.9, 0.1], [0.2, 0.8]] * 10),  # all wrong: the less sure the better
        ([0, 1] * 10, [[0.5, 0.5]] * 20),  # the temperature changes nothing
    ],
)
def test_no_temperature_where_the_rows_cannot_tell(labels: list[int], probabilities: list[list[float]]) -> None:
    assert fit_temperature(np.array(labels), np.array(probabilities)) is None


def test_a_temperature_needs_no_rows_at_all_to_say_none() -> None:
    assert fit_temperature(np.array([], dtype=np.int64), np.zeros((0, 2))) is None


def test_applying_a_temperature() -> None:
    logits = np.array([[1.0, 2.0, 5.0], [0.0, 0.0, 0.0]])
    assert apply_temperature(softmax(logits), 1.0) == pytest.approx(softmax(logits), abs=1e-12)
    assert apply_temperature(softmax(logits), 2.5) == pytest.approx(softmax(logits / 2.5), abs=1e-12)
    for wrong in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="temperature: a positive number is expected"):
            apply_temperature(softmax(logits), wrong)


def test_unsound_input_is_refused() -> None:
    with pytest.raises(ValueError, match="rows that sum to 1"):
        calibration(make([0, 1], [[1.0, 1.0], [0.5, 0.5]]))
    with pytest.raises(ValueError, match="bins: at least 1 is expected, got 0"):
        calibration(make([0, 1], [0.2, 0.7]), bins=0)
    with pytest.raises(ValueError, match="resamples: at least 1"):
        calibration(make([0, 1], [0.2, 0.7]), resamples=0)
    with pytest.raises(ValueError, match="finite"):
        fit_temperature(np.array([0, 1] * 10), np.full((20, 2), np.nan))


def test_ece_of_calibrated_answers_falls_with_the_rows_towards_0() -> None:
    few, many = (calibration(make(*calibrated(rows, 2, seed=2)), resamples=200).ece for rows in (100, 10_000))
    assert many.value < 0.02 < few.value
    assert few.low == many.low == 0


@pytest.mark.full
def test_the_intervals_hold_the_truth() -> None:
    """Brier and NLL about 95 times of 100; ECE, whose estimate is biased, not far from it, and 0 where 0 is true."""
    truth = calibration(make(*calibrated(200_000, 2, seed=98, times=2.0)), resamples=1)
    truths = {"ece": true_ece(2, 2.0), "brier": truth.brier.value, "nll": truth.nll.value}
    held = dict.fromkeys(truths, 0)
    zero = 0
    for seed in range(200):
        found = calibration(make(*calibrated(400, 2, seed, times=2.0)), resamples=200)
        for name, true in truths.items():
            held[name] += getattr(found, name).low <= true <= getattr(found, name).high
        zero += calibration(make(*calibrated(400, 2, seed)), resamples=200).ece.low == 0
    assert 180 <= held["brier"] <= 199
    assert 180 <= held["nll"] <= 199
    assert 170 <= held["ece"] <= 199
    assert zero >= 188


@pytest.mark.full
def test_25_000_rows_are_taken_together() -> None:
    one = make(*random_rows(25_000, 2))
    assert calls(lambda: calibration(one, temperature=1.5)) < 12_000
