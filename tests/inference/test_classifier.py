"""Answers for new texts."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

import lightune
from lightune.data import load_rows
from lightune.inference import answer
from tests.study.shared import LABELS

TEXTS = [
    "the plot is dull",
    "",
    "the music is a joy, and the cast is brilliant",
    "   \n",
    "no words that it knows: Ærøskøbing 👍",
    "the ending is a mess. " * 40,
    "<|endoftext|>",
]


@pytest.fixture(scope="module")
def classifier(finished):
    return lightune.load(finished.folder)


@pytest.fixture(scope="module")
def of_three(three_labels):
    return lightune.load(three_labels.folder)


def test_an_answer_has_its_text_its_label_and_every_label_s_probability(of_three):
    answers = of_three.predict(TEXTS)
    assert [one.text for one in answers] == TEXTS
    for one in answers:
        assert tuple(one.probabilities) == LABELS
        assert sum(one.probabilities.values()) == pytest.approx(1)
        assert one.score == max(one.probabilities.values()) == one.probabilities[one.label]


def test_answers_are_those_that_were_measured(finished, classifier):
    rows = load_rows(finished.folder / "data" / "test.parquet")
    saved = pq.read_table(finished.folder / "predictions" / "lora.parquet").to_pandas().set_index("row_id")
    now = {
        row: one.probabilities["good"] for row, one in zip(rows.row_ids, classifier.predict(rows.texts), strict=True)
    }
    assert saved["p_good"].to_dict() == pytest.approx(now, abs=1e-5)


def test_it_learned_what_the_labels_mean(classifier):
    good, bad = classifier.predict(["Review 3: the music is a joy.", "Review 4: the music is dull."])
    assert (good.label, bad.label) == ("good", "bad")


def test_a_text_gets_the_same_answer_alone_and_among_others(classifier):
    together = classifier.logits(TEXTS)
    alone = np.concatenate([classifier.logits([text]) for text in TEXTS])
    turned = classifier.logits(TEXTS[::-1])[::-1]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(together, turned, atol=1e-5)


def test_the_baseline_answers_with_its_saved_head(finished):
    first, second = (lightune.load(finished.folder, "pretrained").logits(TEXTS) for _ in range(2))
    assert (first == second).all()
    rows = load_rows(finished.folder / "data" / "test.parquet")
    saved = pq.read_table(finished.folder / "predictions" / "pretrained.parquet").to_pandas()
    saved = saved[saved.seed == 0].set_index("row_id")["p_good"].to_dict()
    now = lightune.load(finished.folder, "pretrained").probabilities(rows.texts)[:, 1]
    assert saved == pytest.approx(dict(zip(rows.row_ids, now, strict=True)), abs=1e-5)


def test_no_texts_get_no_answers(classifier):
    assert classifier.predict([]) == []
    assert classifier.probabilities([]).shape == (0, 2)


def test_a_bare_string_is_not_taken_for_a_list_of_letters(classifier):
    with pytest.raises(TypeError, match="list"):
        classifier.predict("the plot is dull")


def test_of_equal_probabilities_the_first_label_wins():
    assert answer("x", ("b", "a", "c"), np.array([0.4, 0.4, 0.2])).label == "b"


def test_rows_done_are_told_and_add_up(classifier):
    told = []
    classifier.probabilities(TEXTS, told.append)
    assert sum(told) == len(TEXTS)


def test_a_column_of_a_table_is_a_list_of_texts(classifier):
    pandas = pytest.importorskip("pandas")
    texts = pandas.Series(["the plot is dull", "a joy"], index=[7, 9])
    assert classifier.predict(texts) == classifier.predict(texts.tolist())
