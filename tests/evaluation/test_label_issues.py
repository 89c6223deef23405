from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from lightune.evaluation import label_issues, wilson
from lightune.records import Predictions

from .helpers import from_predicted, make


def noisy_problem(k: int, rows: int, seed: int) -> tuple[Predictions, NDArray[np.bool_]]:
    """A model of an easy problem on test rows of which 5 % bear a wrong label; and which do."""
    generator = np.random.default_rng(seed)

    def draw(n: int) -> tuple[NDArray, NDArray]:
        labels = generator.integers(0, k, n)
        return 3.5 * np.eye(k, 8)[labels] + generator.normal(size=(n, 8)), labels

    model = LogisticRegression().fit(*draw(1_000))
    features, labels = draw(rows)
    wrong = generator.random(rows) < 0.05
    given = np.where(wrong, (labels + generator.integers(1, k, rows)) % k, labels)
    return make(given, model.predict_proba(features)), wrong


@pytest.mark.full
@pytest.mark.parametrize("k", [2, 5])
def test_flipped_labels_are_found(k: int) -> None:
    lora, wrong = noisy_problem(k, rows=2_000, seed=k)
    found = label_issues({"lora": lora}, "lora", shown=2_000)
    assert found is not None
    suspected = np.isin(lora.row_ids, [issue.row_id for issue in found.shown])
    assert found.rows == len(found.shown) == suspected.sum()
    # By chance 5 % of the suspected rows would be wrong, and 5 % of the wrong ones suspected.
    assert wrong[suspected].mean() > 0.85
    assert suspected[wrong].mean() > 0.75
    # The most suspect are nearly all wrong.
    most = [lora.row_ids.index(issue.row_id) for issue in found.shown[:20]]
    assert wrong[most].mean() >= 0.95


def test_accuracy_without_the_suspected_rows_and_what_is_shown() -> None:
    lora, _ = noisy_problem(3, rows=600, seed=0)
    blind = from_predicted(lora.labels.tolist(), [0] * 600, k=3, arm="majority")
    found = label_issues({"majority": blind, "lora": lora}, "lora", shown=4)
    everything = label_issues({"majority": blind, "lora": lora}, "lora", shown=600)
    assert found is not None
    assert everything is not None
    assert (found.arm, len(found.shown), found.shown) == ("lora", 4, everything.shown[:4])
    kept = ~np.isin(lora.row_ids, [issue.row_id for issue in everything.shown])
    right = lora.probabilities.argmax(axis=1) == lora.labels
    assert found.without["lora"] == wilson(int(right[kept].sum()), int(kept.sum()))
    assert found.without["majority"] == wilson(int((lora.labels[kept] == 0).sum()), int(kept.sum()))
    for issue in everything.shown:
        row = lora.row_ids.index(issue.row_id)
        assert issue.label == "abc"[lora.labels[row]]
        assert issue.suggested == "abc"[lora.probabilities[row].argmax()] != issue.label
        assert issue.probability_label == lora.probabilities[row, lora.labels[row]]
        assert issue.probability_suggested == lora.probabilities[row].max()
    confidence = [issue.probability_label for issue in everything.shown]
    assert confidence == sorted(confidence)


def test_the_thresholds_by_hand() -> None:
    # The mean probability of b where the label is b is 0.7; row-1 reaches it, row-2 (0.6) does not.
    labels = [0, 0, 0, 0, 1, 1, 1]
    lora = make(labels, [0.1, 0.75, 0.6, 0.1, 0.7, 0.8, 0.6])
    found = label_issues({"lora": lora}, "lora")
    assert found is not None
    assert [issue.row_id for issue in found.shown] == ["row-1"]


def test_labels_without_rows_and_labels_of_one_row_do_no_harm() -> None:
    labels = [0, 0, 0, 2, 2, 2, 3]
    probabilities = np.full((7, 5), 0.02)
    probabilities[np.arange(7), [0, 0, 2, 2, 2, 1, 0]] = 0.92
    found = label_issues({"lora": make(labels, probabilities)}, "lora")
    assert found is not None
    assert {issue.row_id for issue in found.shown} <= {"row-2", "row-5", "row-6"}
    assert "row-2" in {issue.row_id for issue in found.shown}


def test_two_rows() -> None:
    right = label_issues({"lora": make([0, 1], [0.1, 0.9])}, "lora")
    assert right is not None
    assert (right.rows, right.shown) == (0, ())
    assert right.without["lora"].value == 1
    wrong = label_issues({"lora": make([0, 1], [0.9, 0.1])}, "lora")
    assert wrong is not None
    assert wrong.rows == 2
    assert math.isnan(wrong.without["lora"].value)


def test_nothing_to_find() -> None:
    assert label_issues({"lora": make([1, 1, 1], [0.2, 0.9, 0.1])}, "lora") is None
    assert label_issues({"lora": make([1], [0.2])}, "lora") is None
    assert label_issues({"majority": make([0, 1, 0] * 20, [0.4] * 60)}, "majority") is None


def test_an_arm_that_is_not_there_is_refused() -> None:
    lora = make([0, 1], [0.1, 0.9])
    with pytest.raises(ValueError, match="one of lora is expected, got full"):
        label_issues({"lora": lora}, "full")
    with pytest.raises(ValueError, match="0 or more rows"):
        label_issues({"lora": lora}, "lora", shown=-1)


@pytest.mark.full
def test_importing_the_evaluation_does_not_import_cleanlab() -> None:
    code = "import sys, lightune.evaluation; assert 'cleanlab' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
