"""Texts, splits and checkpoints that are not as plain as the rest, all the way through a study."""

from __future__ import annotations

import csv
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from transformers import pipeline

import lightune
from lightune.config import DataConfig
from lightune.models import quiet_transformers
from lightune.study import in_process, run_study
from tests.fixtures.models import save_classifier
from tests.fixtures.reviews import make_reviews, write_csv
from tests.study.shared import quick_config, write_reviews

pytestmark = pytest.mark.full


def _test_rows(folder, arm="pretrained", split="test", seed=0):
    table = pq.read_table(folder / "predictions" / f"{arm}.parquet").to_pandas()
    return table[(table.split == split) & (table.seed == seed)]


def test_empty_long_and_repeated_texts_are_counted_and_get_an_answer_each(tiny_gpt2, tmp_path):
    data = write_reviews(tmp_path / "reviews", 30, 10)
    rows = [*make_reviews(6, seed=1), ("", "good"), ("  \n", "bad"), ("long " * 100, "bad"), ("twice", "good")]
    write_csv(data / "test.csv", [*rows, ("twice", "good"), make_reviews(30)[0]])
    result = run_study(quick_config(tiny_gpt2, data), tmp_path / "out", executor=in_process)
    facts = result.data.splits["test"]
    assert (facts.rows, facts.empty_texts, facts.duplicate_texts, result.data.train_test_overlap) == (12, 2, 1, 1)
    assert result.arms[0].cut_rows["test"] == 1
    rows = _test_rows(tmp_path / "out")
    assert len(rows) == 12
    assert rows.row_id.is_unique
    assert sum(name.endswith("-1") for name in rows.row_id) == 1
    page = (tmp_path / "out" / "report.md").read_text()
    assert "Empty texts" in page
    assert "cut" in page


def test_a_further_split_is_measured_and_kept_beside_test(tiny_gpt2, tmp_path):
    parts = {"train": (30, 0), "test": (10, 1), "hard": (6, 2)}
    with (tmp_path / "all.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(("text", "label", "part"))
        for part, (count, seed) in parts.items():
            writer.writerows((*row, part) for row in make_reviews(count, seed))
    source = DataConfig(str(tmp_path / "all.csv"), split_column="part")
    config = replace(quick_config(tiny_gpt2, tmp_path, arms=("pretrained", "lora")), data=source)
    out = tmp_path / "out"
    result = run_study(config, out, executor=in_process)
    assert {path.name for path in (out / "data").iterdir()} == {"test.parquet", "hard.parquet"}
    for arm in result.arms:
        assert set(arm.splits) == {"hard"}
        assert arm.splits["hard"].rows == 6
        hard = _test_rows(out, arm.name, "hard")
        assert len(hard) == 6
        if arm.name == "lora":
            right = (hard.p_good > hard.p_bad) == (hard.label == "good")
            assert arm.splits["hard"].metrics["accuracy"].value == pytest.approx(right.mean())


def test_the_positive_label_is_the_one_asked_for(tiny_gpt2, tmp_path):
    data = write_reviews(tmp_path / "reviews", 30, 10)
    asked = DataConfig(str(data), positive_label="bad")
    result = run_study(replace(quick_config(tiny_gpt2, data), data=asked), tmp_path / "out", executor=in_process)
    assert result.data.positive_label == "bad"
    assert result.data.label_names == ("bad", "good")
    first = result.arms[0].seeds[0]
    rows = _test_rows(tmp_path / "out")
    said, true = rows.p_bad >= rows.p_good, rows.label == "bad"
    assert first.metrics["recall"] == pytest.approx((said & true).sum() / true.sum())


def test_a_checkpoint_with_a_head_that_fits_is_measured_with_it(tmp_path):
    model = save_classifier(tmp_path / "model", ("GOOD", "Bad"), seed=4)
    data = write_reviews(tmp_path / "reviews", 30, 10)
    result = run_study(quick_config(model, data), tmp_path / "out", executor=in_process)
    assert [entry.seed for entry in result.arms[0].seeds] == [0]
    answers = lightune.load(tmp_path / "out", "pretrained").predict([text for text, _ in make_reviews(5)])
    with quiet_transformers():
        stock = pipeline("text-classification", model=str(model), device="cpu", top_k=None)
    for one, entries in zip(answers, stock([one.text for one in answers]), strict=True):
        theirs = {entry["label"].lower(): entry["score"] for entry in entries}
        assert theirs == pytest.approx(one.probabilities, abs=1e-5)


def test_a_checkpoint_with_a_head_for_other_labels_is_measured_over_untrained_ones(tmp_path):
    model = save_classifier(tmp_path / "model", ("a", "b", "c"))
    data = write_reviews(tmp_path / "reviews", 30, 10)
    result = run_study(quick_config(model, data), tmp_path / "out", executor=in_process)
    assert [entry.seed for entry in result.arms[0].seeds] == [0, 1, 2, 3, 4]
    assert any("untrained" in note for note in result.arms[0].notes)
