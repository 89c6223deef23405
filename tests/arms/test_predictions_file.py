"""Predictions that something else made join the ladder, or say why they cannot."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lightune.arms import arm_kind, settled
from lightune.arms.predictions_file import NoAnswer, PredictionsFile
from lightune.errors import ConfigError
from tests.fixtures.reviews import as_rows, make_reviews, write_csv

NAMES = ("bad", "good")
ROWS = as_rows([*make_reviews(6), ("the same twice", "good"), ("the same twice", "bad")])


def write(path: Path, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> Path:
    return write_csv(path, rows, header)


def test_labels_are_joined_by_text_in_whatever_order(tmp_path):
    rows = [(text, NAMES[label]) for text, label in zip(ROWS.texts[:6], ROWS.labels[:6], strict=True)]
    file = PredictionsFile(write(tmp_path / "p.csv", ("text", "prediction"), rows[::-1]), NAMES)
    assert file.labels_only
    assert (file.of(ROWS.take(range(6))) == np.eye(2)[ROWS.labels[:6]]).all()


def test_probabilities_are_joined_by_row_id(tmp_path):
    lines = [
        {"row_id": row_id, "p_bad": 0.25 + at / 100, "p_good": 0.75 - at / 100}
        for at, row_id in enumerate(ROWS.row_ids)
    ]
    path = tmp_path / "p.jsonl"
    path.write_text("\n".join(map(json.dumps, lines[::-1])), encoding="utf-8")
    file = PredictionsFile(path, NAMES)
    assert not file.labels_only
    assert file.of(ROWS)[:, 0] == pytest.approx([0.25 + at / 100 for at in range(len(ROWS))])


def test_what_predict_wrote_is_read(tmp_path):
    rows = [(text, "good", "good", "0.9", "0.1", "0.9") for text in dict.fromkeys(ROWS.texts)]
    header = ("text", "label", "predicted_label", "score", "p_bad", "p_good")
    assert (PredictionsFile(write(tmp_path / "p.csv", header, rows), NAMES).of(ROWS)[:, 1] == 0.9).all()


def test_a_row_without_an_answer_is_named(tmp_path):
    rows = [(text, "good") for text in ROWS.texts[1:6]]
    file = PredictionsFile(write(tmp_path / "p.csv", ("text", "prediction"), rows), NAMES)
    with pytest.raises(NoAnswer, match="each of the 8 test rows is expected, 3 have none") as caught:
        file.of(ROWS)
    assert ROWS.row_ids[0] in str(caught.value)


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        (("text", "answer"), [("a", "good")], "predicted labels are expected in a column"),
        (("text", "prediction"), [("a", "great")], "line 2: one of the labels bad, good is expected"),
        (("text", "p_bad"), [("a", "1")], "'p_good' is expected too"),
        (("text", "p_bad", "p_good"), [("a", "x", "1")], "line 2: a probability is expected in 'p_bad', got 'x'"),
        (("text", "p_bad", "p_good"), [("a", "0.7", "0.7")], "line 2: probabilities .* they sum to 1.4"),
        (("text", "p_bad", "p_good"), [("a", "-0.5", "1.5")], "line 2: probabilities from 0 to 1"),
        (("text", "p_bad", "p_good"), [("a", "nan", "1")], "line 2: probabilities"),
        (("text", "prediction"), [("a", "bad"), ("a", "good")], "line 3: the same text stands there before"),
    ],
)
def test_a_file_that_cannot_be_used_says_where_and_why(tmp_path, header, rows, said):
    with pytest.raises(ConfigError, match=said):
        PredictionsFile(write(tmp_path / "p.csv", header, rows), NAMES)


def test_a_few_digits_are_enough(tmp_path):
    path = write(tmp_path / "p.csv", ("text", "p_bad", "p_good"), [(text, "0.33", "0.66") for text in set(ROWS.texts)])
    assert PredictionsFile(path, NAMES).of(ROWS).sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("GPT 4=p.csv", "a name of small letters"),
        ("=p.csv", "a name of small letters"),
        ("../x=p.csv", "a name of small letters"),
        ("a/b=p.csv", "a name of small letters"),
        (".hidden=p.csv", "a name of small letters"),
        ("x\x00=p.csv", "a name of small letters"),
        ("<script>=p.csv", "a name of small letters"),
        ("x\n=p.csv", "a name of small letters"),
        (f"{'x' * 65}=p.csv", "64 of them at most"),
        ("lora=p.csv", "lora is an arm already"),
        ("api=nowhere.csv", "there is none at 'nowhere.csv'"),
        ("api=", "there is none at ''"),
    ],
)
def test_a_spec_that_is_none_is_refused(tmp_path, monkeypatch, spec, said):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p.csv", ("text", "prediction"), [("a", "good")])
    with pytest.raises(ConfigError, match=said):
        arm_kind(spec)


def test_a_file_is_kept_by_its_whole_path_and_another_content_is_another_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "p.csv", ("text", "prediction"), [("a", "good")])
    assert settled("api=p.csv") == f"api={path}"
    before = arm_kind("api=p.csv").settings({})
    write(path, ("text", "prediction"), [("a", "bad")])
    assert arm_kind("api=p.csv").settings({}) != before
