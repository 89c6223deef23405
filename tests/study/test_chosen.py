"""What a study would pick for this machine, said before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightune.arms.adapter import AdapterArm
from lightune.study import chosen, study_plan
from tests.study.shared import quick_config, unchanged, write_reviews


@pytest.mark.full
def test_each_trained_arm_is_planned_and_nothing_is_trained_or_written(
    tiny_gpt2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained(*args: object) -> None:
        raise AssertionError("a plan trains nothing")

    monkeypatch.setattr(AdapterArm, "fit", trained)
    config = quick_config(tiny_gpt2, write_reviews(tmp_path / "reviews", 30, 10), arms=("majority", "lora", "full"))
    with unchanged(tmp_path):
        found = study_plan(config)
    assert [arm.arm for arm in found.arms] == ["lora", "full"]
    assert all(arm.plan is not None and arm.plan.packed for arm in found.arms)
    assert "--frozen-dropout" in found.not_picked["dropout in frozen weights"]


@pytest.mark.full
def test_a_model_that_does_not_fit_is_said(tiny_gpt2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = quick_config(tiny_gpt2, write_reviews(tmp_path / "reviews", 30, 10), arms=("lora", "full"))
    # The model takes 0.16 MB: once for LoRA, four times to train all of it.
    monkeypatch.setattr(chosen, "available_memory_bytes", lambda: 400_000)
    lora, full = study_plan(config).arms
    assert lora.plan is not None
    assert full.plan is None
    assert full.reason is not None
    assert "does not fit" in full.reason
    assert "optimizer" in full.reason
