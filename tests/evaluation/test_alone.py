from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lightune.evaluation import alone_right
from lightune.evaluation.answers import answers
from lightune.records import AnsweredRow, Rows

from .helpers import from_predicted, make

LABELS = [0, 0, 1, 1, 1, 0]


def test_rows_that_one_arm_alone_has_right_by_hand() -> None:
    predictions = {
        "tfidf": from_predicted(LABELS, [0, 1, 0, 0, 1, 1], arm="tfidf"),
        "lora": from_predicted(LABELS, [0, 0, 1, 0, 0, 1], arm="lora"),
        "full": from_predicted(LABELS, [1, 1, 1, 0, 0, 1], arm="full"),
    }
    found = {each.arm: each for each in alone_right(predictions)}
    assert list(found) == ["tfidf", "lora", "full"]
    assert [each.rows for each in found.values()] == [1, 1, 0]
    assert found["tfidf"].shown == (AnsweredRow("row-4", "b", {"tfidf": "b", "lora": "a", "full": "a"}),)
    assert [row.row_id for row in found["lora"].shown] == ["row-1"]
    assert found["full"].shown == ()


def test_the_most_confident_come_first_and_equals_in_the_order_of_the_rows() -> None:
    labels = [1] * 5
    predictions = {
        "lora": make(labels, [0.6, 0.9, 0.7, 0.9, 0.4]),
        "tfidf": make(labels, [0.1] * 5, arm="tfidf"),
    }
    lora, tfidf = alone_right(predictions, shown=3)
    assert (lora.rows, tfidf.rows) == (4, 0)
    assert [row.row_id for row in lora.shown] == ["row-1", "row-3", "row-2"]
    assert alone_right(predictions, shown=0)[0].rows == 4


def test_one_arm_is_never_alone() -> None:
    assert alone_right({"lora": from_predicted(LABELS, LABELS)}) == ()


def test_arms_that_do_not_fit_together_are_refused() -> None:
    lora = from_predicted(LABELS, LABELS)
    with pytest.raises(ValueError, match="at least one arm"):
        alone_right({})
    with pytest.raises(ValueError, match="0 or more rows"):
        alone_right({"lora": lora}, shown=-1)
    others = {
        "same rows in the same order": replace(lora, row_ids=lora.row_ids[::-1]),
        "same true labels, row row-0": replace(lora, labels=1 - lora.labels),
        "same label names": replace(lora, label_names=("x", "y")),
        "sums to": replace(lora, probabilities=lora.probabilities * 2),
    }
    for fault, other in others.items():
        with pytest.raises(ValueError, match=fault):
            alone_right({"lora": lora, "other": other})


def test_the_texts_must_be_of_the_same_rows() -> None:
    lora = from_predicted(LABELS, LABELS)
    rows = Rows(("text",) * 6, np.array(LABELS), lora.row_ids)
    assert answers({"lora": lora}, rows).accuracy()["lora"].value == 1
    with pytest.raises(ValueError, match="lora and the test rows should have the same rows"):
        answers({"lora": lora}, rows.take(range(5)))
    with pytest.raises(ValueError, match="same true labels"):
        answers({"lora": lora}, replace(rows, labels=1 - rows.labels))


def test_accuracy_of_no_row_is_not_defined() -> None:
    given = answers({"lora": from_predicted(LABELS, LABELS)})
    nothing = given.accuracy(np.zeros(6, dtype=bool))["lora"]
    assert np.isnan([nothing.value, nothing.low, nothing.high]).all()
