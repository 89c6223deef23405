"""What an answer holds, by what was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from lightune.errors import ConfigError
from lightune.inference import ABSTAIN, Wanted, answer_fields, check_wanted
from lightune.inference.wanted import answer_columns, label_columns

LABELS = ("a", "b", "c")
PROBABILITIES = np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4], [0.0, 0.0, 1.0]])


class Made:
    """Stands in for a classifier."""

    def __init__(self, labels=LABELS, temperature=None):
        self.label_names = labels
        self.temperature = temperature


def test_every_label_s_probability_is_the_default():
    found = answer_columns(LABELS, PROBABILITIES, Wanted())
    assert list(found) == ["label", "score", "p_a", "p_b", "p_c"]
    assert found["label"] == ["b", "a", "c"]  # of equal ones the first
    assert found["score"] == [0.5, 0.4, 1.0]
    assert found["p_c"] == [0.3, 0.4, 1.0]


def test_the_best_few_stand_in_their_order():
    found = answer_columns(LABELS, PROBABILITIES, Wanted(top_k=2))
    assert list(found) == ["label", "score", "label_1", "score_1", "label_2", "score_2"]
    assert found["label_1"] == found["label"]
    assert found["label_2"] == ["c", "c", "a"]
    assert found["score_2"] == [0.3, 0.4, 0.0]
    fields = answer_fields(LABELS, PROBABILITIES, Wanted(top_k=2))
    assert fields[0] == {
        "label": "b",
        "score": 0.5,
        "top": [{"label": "b", "score": 0.5}, {"label": "c", "score": 0.3}],
    }


def test_no_probabilities_are_label_and_score_alone():
    assert list(answer_columns(LABELS, PROBABILITIES, Wanted(probabilities=False))) == ["label", "score"]
    assert answer_fields(LABELS, PROBABILITIES, Wanted(probabilities=False))[2] == {"label": "c", "score": 1.0}
    assert answer_fields(LABELS, PROBABILITIES, Wanted())[2]["probabilities"] == {"a": 0.0, "b": 0.0, "c": 1.0}


def test_it_abstains_below_and_not_at_the_score():
    found = answer_columns(LABELS, PROBABILITIES, Wanted(abstain_below=0.5, top_k=1))
    assert found["label"] == ["b", ABSTAIN, "c"]
    assert found["score"] == [0.5, 0.4, 1.0]
    assert found["label_1"] == ["b", "a", "c"]  # what it would have said


def test_which_columns_hold_numbers_is_known_beforehand():
    assert label_columns(LABELS, Wanted(top_k=1)) == {
        "label": False,
        "score": True,
        "label_1": False,
        "score_1": True,
    }
    made = answer_columns(LABELS, PROBABILITIES, Wanted())
    assert list(label_columns(LABELS, Wanted())) == list(made)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"top_k": 0}, "--top-k 0"),
        ({"abstain_below": 0.0}, r"--abstain-below 0\.0"),
        ({"abstain_below": 1.1}, r"--abstain-below 1\.1"),
        ({"abstain_below": float("nan")}, "--abstain-below nan"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        Wanted(**options)


def test_what_an_artefact_cannot_give_is_refused():
    check_wanted(Made(temperature=1.5), "lora", Wanted(top_k=3, abstain_below=0.5, calibrated=True))
    with pytest.raises(ConfigError, match="--top-k 4: lora has 3 labels"):
        check_wanted(Made(), "lora", Wanted(top_k=4))
    with pytest.raises(ConfigError, match="--calibrated: lora has no temperature"):
        check_wanted(Made(), "lora", Wanted(calibrated=True))
    with pytest.raises(ConfigError, match="label 'abstain' of its own"):
        check_wanted(Made(("a", ABSTAIN)), "lora", Wanted(abstain_below=0.5))
