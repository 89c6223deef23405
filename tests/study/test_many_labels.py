"""More than two labels: six, and 77."""

from __future__ import annotations

import math

import pytest

from lightune.config import AnalysisConfig
from lightune.study import in_process, run_study
from tests.fixtures.intents import make_intents
from tests.fixtures.reviews import write_csv
from tests.study.shared import quick_config


@pytest.mark.full
@pytest.mark.parametrize(
    ("labels", "arms"), [(6, ("majority", "tfidf", "zero-shot", "probe", "lora")), (77, ("majority", "tfidf", "lora"))]
)
def test_a_study_of_many_labels_from_end_to_end(tiny_gpt2, tmp_path, labels, arms):
    data = write_csv(tmp_path / "intents.csv", make_intents(labels, labels * 20))
    result = run_study(
        quick_config(tiny_gpt2, data, arms=arms, analysis=AnalysisConfig()), tmp_path / "out", executor=in_process
    )
    assert {arm.status for arm in result.arms} == {"done"}, [arm.reason for arm in result.arms]
    assert result.data.positive_label is None
    for arm in result.arms:
        metrics = arm.metrics
        assert metrics["f1"] == metrics["macro_f1"]
        assert len(arm.confusion) == labels
        assert {sum(line) for line in arm.confusion} == {4}
        assert 0 <= metrics["macro_f1"].low <= metrics["macro_f1"].value <= metrics["macro_f1"].high <= 1
        assert math.isfinite(metrics["auroc"].value)
    by_name = {arm.name: arm for arm in result.arms}
    assert by_name["majority"].metrics["accuracy"].value == pytest.approx(1 / labels)
    assert by_name["tfidf"].metrics["macro_f1"].value > 0.8
    assert "positive one are expected" in result.findings.behaviour.left_out
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Macro F1" in page
    assert "Confusion matrix of tfidf" in page
    assert ("kinds of confusion" in page) == (labels == 77)
