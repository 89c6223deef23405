from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score
from statsmodels.stats.contingency_tables import mcnemar as peer_mcnemar

from lightune.evaluation import compare, detectable_difference, flipped, point_metrics, with_holm
from lightune.evaluation import comparison as comparison_module
from lightune.records import Comparison, Metric, Predictions, TellingRow
from tests.fixtures.tiers import few

from .helpers import from_predicted, make, random_rows


def pair(rows: int, k: int = 2, seed: int = 0) -> tuple[Predictions, Predictions]:
    """Two arms on the same rows, the first somewhat better."""
    labels, probabilities = random_rows(rows, k, seed, signal=1.5)
    generator = np.random.default_rng(seed + 1)
    noise = generator.dirichlet(np.ones(k), size=rows)
    return (
        make(labels, probabilities, arm="lora", seed=7),
        make(labels, 0.5 * probabilities + 0.5 * noise, arm="pretrained", seed=3),
    )


def shuffled(predictions: Predictions, seed: int = 0) -> Predictions:
    order = np.random.default_rng(seed).permutation(len(predictions.row_ids))
    return replace(
        predictions,
        row_ids=tuple(predictions.row_ids[i] for i in order),
        labels=predictions.labels[order],
        probabilities=predictions.probabilities[order],
    )


def test_counts_deltas_and_p_value_by_hand() -> None:
    labels = [1, 1, 1, 1, 0, 0, 0, 0]
    a = from_predicted(labels, [1, 1, 1, 0, 0, 0, 0, 1], arm="lora", seed=4)
    b = from_predicted(labels, [1, 0, 0, 0, 0, 0, 1, 0], arm="tfidf", seed=5)
    found = compare(a, b, 1, resamples=100)
    assert (found.a, found.b, found.seed, found.rows) == ("lora", "tfidf", 4, 8)
    assert (found.wins, found.losses, found.both_right, found.both_wrong) == (3, 1, 3, 1)
    assert found.delta_accuracy.value == pytest.approx(2 / 8)
    # F1 of label 1: a has TP 3, FP 1, FN 1; b has TP 1, FP 1, FN 3.
    assert found.delta_f1.value == pytest.approx(6 / 8 - 2 / 6)
    assert found.p_value == pytest.approx(2 * 5 / 16)
    assert found.p_mid == pytest.approx(2 * 5 / 16 - 4 / 16)
    assert found.detectable == detectable_difference(8, 4 / 8)
    assert math.isnan(found.p_holm)


def test_answers_without_probabilities_compare_as_those_with() -> None:
    a, b = pair(200, 3)
    bare_a, bare_b = (
        make(each.labels, np.eye(3)[each.probabilities.argmax(axis=1)], arm=each.arm, seed=each.seed) for each in (a, b)
    )
    there, bare = compare(a, b, None, resamples=300, telling=0), compare(bare_a, bare_b, None, resamples=300, telling=0)
    assert bare == replace(there, p_holm=bare.p_holm)
    telling = compare(bare_a, bare_b, None, resamples=10).won
    assert {(row.probability_a, row.probability_b) for row in telling} == {(1.0, 0.0)}


def of_p(p_value: float, seed: int = 0, **names: str) -> Comparison:
    nothing = Metric(0, 0, 0)
    shape = {"a": "lora", "b": "tfidf", **names}
    return Comparison(**shape, seed=seed, rows=9, delta_accuracy=nothing, delta_f1=nothing, p_value=p_value, wins=0,
                      losses=0, both_right=9, both_wrong=0)  # fmt: skip


def test_holm_takes_the_pairs_of_each_seed_together_and_keeps_their_order() -> None:
    given = [of_p(0.02, 0), of_p(0.03, 1), of_p(0.01, 0, a="full"), of_p(0.5, 0, b="full"), of_p(math.nan, 1)]
    corrected = with_holm(given)
    assert [each.p_holm for each in corrected] == pytest.approx([0.04, 0.03, 0.03, 0.5, math.nan], nan_ok=True)
    bare = [replace(each, p_holm=math.nan) for each in corrected]
    assert repr(bare) == repr(given)
    assert with_holm([]) == ()


def test_a_flipped_comparison_is_that_of_the_arms_the_other_way_round() -> None:
    a, b = pair(200, 3)
    there, back = compare(a, b, None, resamples=50), compare(b, a, None, resamples=50)
    turned = flipped(there)
    for name in ("a", "b", "rows", "p_value", "p_mid", "wins", "losses", "both_right", "detectable", "won", "lost"):
        assert getattr(turned, name) == getattr(back, name), name
    assert turned.delta_f1 == Metric(-there.delta_f1.value, -there.delta_f1.high, -there.delta_f1.low)
    assert repr(flipped(turned)) == repr(there)


@pytest.mark.parametrize(("k", "positive"), [(2, 0), (2, 1), (6, None)])
def test_values_are_the_differences_of_the_points(k: int, positive: int | None) -> None:
    a, b = pair(200, k)
    found = compare(a, b, positive, resamples=500)
    of_a, of_b = (point_metrics(each.labels, each.probabilities, positive) for each in (a, b))
    for delta, name in ((found.delta_accuracy, "accuracy"), (found.delta_f1, "f1")):
        assert delta.value == pytest.approx(of_a[name] - of_b[name], abs=1e-12)
        assert delta.low < delta.value < delta.high
    assert found.wins + found.losses + found.both_right + found.both_wrong == found.rows == 200
    assert found.delta_accuracy.value == pytest.approx((found.wins - found.losses) / 200)
    table = [[found.both_right, found.wins], [found.losses, found.both_wrong]]
    assert found.p_value == pytest.approx(peer_mcnemar(table, exact=True).pvalue, rel=1e-9)


@pytest.mark.parametrize(("k", "positive"), few([(2, 1), (6, None)], (2, 1)))
@pytest.mark.full
def test_intervals_are_those_of_rows_drawn_in_pairs_one_by_one(k: int, positive: int | None) -> None:
    a, b = pair(300, k)
    predicted_a, predicted_b = a.probabilities.argmax(axis=1), b.probabilities.argmax(axis=1)
    average = {"average": "macro"} if positive is None else {"pos_label": positive}
    generator = np.random.default_rng(9)
    accuracy, f1 = [], []
    for _ in range(500):
        at = generator.integers(0, 300, size=300)
        labels = a.labels[at]
        accuracy.append((predicted_a[at] == labels).mean() - (predicted_b[at] == labels).mean())
        f1.append(f1_score(labels, predicted_a[at], **average) - f1_score(labels, predicted_b[at], **average))
    found = compare(a, b, positive)
    for delta, plain in ((found.delta_accuracy, accuracy), (found.delta_f1, f1)):
        low, high = np.quantile(plain, [0.025, 0.975])
        assert (delta.low, delta.high) == pytest.approx((low, high), abs=0.15 * (high - low))


def test_pairing_makes_the_interval_narrower_than_two_arms_apart() -> None:
    a, b = pair(1000)
    delta = compare(a, b, 1).delta_accuracy
    right_a, right_b = (each.probabilities.argmax(axis=1) == each.labels for each in (a, b))
    paired = 2 * 1.96 * (right_a.astype(float) - right_b).std() / math.sqrt(1000)
    apart = 2 * 1.96 * math.sqrt((right_a.var() + right_b.var()) / 1000)
    assert delta.high - delta.low == pytest.approx(paired, rel=0.08)
    assert paired < 0.9 * apart


@pytest.mark.full
def test_the_intervals_of_the_differences_cover_the_truth_95_times_of_100() -> None:
    """2,000 test sets of 1,000 rows on which a is right 84 times and b 80 times of 100, often on the same rows.

    Both labels are as common, and right as often, so the F1 of either is its accuracy.
    """
    generator = np.random.default_rng(11)
    form = make(np.zeros(1000, dtype=int), np.full(1000, 0.4))
    covered = np.zeros(2)
    for _ in range(2000):
        outcome = generator.choice(4, size=1000, p=[0.76, 0.08, 0.04, 0.12])
        labels = generator.integers(0, 2, size=1000)
        by_a = np.where(outcome <= 1, labels, 1 - labels)
        by_b = np.where(outcome % 2 == 0, labels, 1 - labels)
        pair = comparison_module._Pair(replace(form, labels=labels), form, by_a, by_b)
        deltas = comparison_module._deltas(pair, 1, 1000, generator)
        covered += [delta.low <= 0.04 <= delta.high for delta in deltas]
    assert covered / 2000 == pytest.approx([0.95, 0.95], abs=0.01)


def test_swapping_the_arms_swaps_everything() -> None:
    a, b = pair(200)
    there, back = compare(a, b, 1), compare(b, a, 1)
    assert (there.wins, there.losses, there.p_value) == (back.losses, back.wins, back.p_value)
    assert there.delta_f1.value == pytest.approx(-back.delta_f1.value, abs=1e-12)
    assert [row.row_id for row in there.won] == [row.row_id for row in back.lost]


def test_an_arm_against_itself_is_a_tie() -> None:
    a, _ = pair(100)
    found = compare(a, a, 1, resamples=100)
    assert found.delta_accuracy == found.delta_f1 == Metric(0, 0, 0)
    assert (found.p_value, found.wins, found.losses, found.won, found.lost) == (1.0, 0, 0, (), ())


def test_rows_are_joined_by_id_whatever_their_order() -> None:
    a, b = pair(200)
    assert compare(a, shuffled(b), 1, resamples=300) == compare(a, b, 1, resamples=300)


def test_only_shared_rows_count() -> None:
    a = from_predicted([0, 1, 1, 0], [0, 1, 0, 0], row_ids=("p", "q", "r", "s"))
    b = from_predicted([1, 0, 0], [0, 0, 1], row_ids=("q", "s", "other"))
    found = compare(a, b, 1, resamples=50)
    assert (found.rows, found.wins, found.losses, found.both_right) == (2, 1, 0, 1)
    assert [row.row_id for row in found.won] == ["q"]


def test_telling_rows_come_widest_gap_first_and_equals_in_row_order() -> None:
    labels = [1, 1, 1, 1, 0, 0, 1]
    a = make(labels, [0.6, 0.9, 0.75, 0.6, 0.9, 0.8, 0.7], arm="a")
    b = make(labels, [0.4, 0.1, 0.25, 0.4, 0.2, 0.4, 0.8], arm="b")
    found = compare(a, b, 1, resamples=10)
    assert [row.row_id for row in found.won] == ["row-1", "row-2", "row-0", "row-3"]
    assert [row.row_id for row in found.lost] == ["row-4", "row-5"]
    assert found.won[0] == TellingRow("row-1", "b", "b", "a", 0.9, 0.1)
    assert found.lost[0] == TellingRow("row-4", "a", "b", "a", pytest.approx(0.1), pytest.approx(0.8))


def test_equal_gaps_follow_a_and_not_b_order() -> None:
    labels = [1] * 6
    a, b = make(labels, [0.9] * 6), make(labels, [0.3] * 6)
    found = compare(shuffled(a, 3), shuffled(b, 4), 1, resamples=10)
    assert [row.row_id for row in found.won] == list(shuffled(a, 3).row_ids)


@pytest.mark.parametrize("telling", [0, 1, 3])
def test_no_more_telling_rows_than_asked_for(telling: int) -> None:
    a, b = pair(200)
    found = compare(a, b, 1, resamples=10, telling=telling)
    assert len(found.won) == len(found.lost) == telling
    assert found.won == compare(a, b, 1, resamples=10).won[:telling]


def test_ten_telling_rows_by_default_each_right_on_one_side_only() -> None:
    found = compare(*pair(300, 3), None, resamples=10)
    assert len(found.won) == len(found.lost) == 10
    assert all(row.predicted_a == row.label != row.predicted_b for row in found.won)
    assert all(row.predicted_b == row.label != row.predicted_a for row in found.lost)


def test_the_same_seed_gives_the_same_record_and_another_seed_other_intervals() -> None:
    a, b = pair(200)
    assert compare(a, b, 1) == compare(a, b, 1, seed=0)
    assert compare(a, b, 1, seed=1).delta_f1 != compare(a, b, 1).delta_f1


def test_26_labels_and_a_single_row_can_be_compared() -> None:
    many = compare(*pair(500, 26), None, resamples=500)
    assert many.delta_f1.low < many.delta_f1.value < many.delta_f1.high
    one = compare(make([1], [0.9]), make([1], [0.2]), 1, resamples=10)
    assert (one.rows, one.wins, one.p_value, one.delta_accuracy) == (1, 1, 1.0, Metric(1, 1, 1))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"split": "handwritten"}, "same split, got test and handwritten"),
        ({"label_names": ("b", "a")}, "same label_names"),
        ({"row_ids": ("x", "y", "z")}, "share no row of test"),
        ({"labels": np.array([0, 0, 1])}, "row row-1 is b and a"),
        ({"row_ids": ("x", "x", "z")}, "predictions of tfidf on test .* x stands there 2 times"),
    ],
)
def test_what_cannot_be_compared_is_refused(changes: dict, fault: str) -> None:
    a = make([0, 1, 1], [0.2, 0.7, 0.4])
    with pytest.raises(ValueError, match=fault):
        compare(a, replace(a, arm="tfidf", **changes), 1)


@pytest.mark.parametrize(("options", "fault"), [({"resamples": 0}, "resamples"), ({"telling": -1}, "telling")])
def test_options_out_of_range_are_refused(options: dict, fault: str) -> None:
    a = make([0, 1], [0.2, 0.7])
    with pytest.raises(ValueError, match=fault):
        compare(a, a, 1, **options)
