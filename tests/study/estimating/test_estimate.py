"""The estimate of a whole study, its rehearsals in this process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lightune.config import CurveConfig, MethodsConfig, StudyConfig
from lightune.records import StudyEstimate
from lightune.study import chosen, estimate_study
from lightune.study.estimating import study as estimating
from lightune.study.estimating.reading import read
from lightune.study.estimating.rehearsal import Rehearsal, RehearsalSpec, rehearse
from lightune.study.estimating.training import Training
from lightune.study.estimating.work import Lengths
from tests.study.shared import quick_config, unchanged, write_reviews

ARMS = ("majority", "tfidf", "pretrained", "probe", "lora")


@pytest.fixture
def config(tiny_gpt2: Path, tmp_path: Path) -> StudyConfig:
    return quick_config(tiny_gpt2, write_reviews(tmp_path / "reviews", 40, 20), arms=ARMS)


def estimated(config: StudyConfig) -> StudyEstimate:
    return estimate_study(config, rehearse=rehearse)


@pytest.mark.full
def test_each_arm_is_told_and_nothing_is_written(
    config: StudyConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    heard: list[str] = []
    with unchanged(tmp_path):
        found = estimate_study(config, heard.append, rehearse)
    assert heard == [arm.arm for arm in found.arms] == list(ARMS)
    assert [arm.reason for arm in found.arms] == [None] * 5
    lora = found.arms[-1].run
    assert lora is not None
    assert lora.fit_seconds > 0
    assert lora.predict_seconds > 0
    assert lora.seconds > lora.fit_seconds + lora.predict_seconds
    assert lora.peak_memory_bytes > 50e6
    beside = found.seconds - sum(arm.seconds for arm in found.arms)
    assert beside == pytest.approx(found.begun_seconds + found.behaviour_seconds)
    assert 0 < found.begun_seconds < found.took_seconds
    assert list(scratch.iterdir()) == []


@pytest.mark.full
@pytest.mark.parametrize("arm", ["tfidf", "probe"])
def test_what_a_first_fitting_takes_more_counts_once(
    config: StudyConfig, monkeypatch: pytest.MonkeyPatch, arm: str
) -> None:
    monkeypatch.setattr(estimating, "read", lambda *given: replace(read(*given), second_per_token=1e-6))
    kept: list[Rehearsal] = []

    def later(spec: RehearsalSpec) -> Rehearsal:
        """The same figures again, the first fitting as quick as the second and then ten seconds slower."""
        kept.append(kept[-1] if kept else rehearse(spec))
        first, *others = kept[-1].fits
        slow = replace(first, seconds=others[0].seconds + 10.0 * (len(kept) - 1))
        return replace(kept[-1], fits=(slow, *others))

    config = replace(config, arms=(arm,))
    usual, slower = (estimate_study(config, rehearse=later).arms[0].run for _ in range(2))
    assert usual is not None
    assert slower is not None
    assert slower.fit_seconds == pytest.approx(usual.fit_seconds + 10.0)


@pytest.mark.full
def test_seeds_points_and_trials_count(config: StudyConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, Rehearsal] = {}
    # Reading the texts is timed anew each time, so that it would differ too.
    monkeypatch.setattr(estimating, "read", lambda *given: replace(read(*given), second_per_token=1e-6))

    def once(spec: RehearsalSpec) -> Rehearsal:
        """The same figures for all, so that only the counting differs."""
        if spec.arm not in kept:
            kept[spec.arm] = rehearse(spec)
        return kept[spec.arm]

    config = replace(config, arms=("lora",), training=replace(config.training, max_steps=40, evaluations=2))
    one = estimate_study(config, rehearse=once).arms[0]
    several = estimate_study(replace(config, seeds=3), rehearse=once).arms[0]
    assert (one.runs, several.runs) == (1, 3)
    assert several.seconds == pytest.approx(3 * one.seconds, rel=0.01)
    curve = estimate_study(replace(config, curve=CurveConfig((10, 20), seeds=2)), rehearse=once).arms[0]
    assert curve.runs == 5
    assert curve.seconds > 2 * one.seconds
    searched = estimate_study(replace(config, methods=MethodsConfig({}, 3)), rehearse=once).arms[0]
    assert one.run is not None
    assert searched.run is not None
    assert searched.run.fit_seconds > 1.3 * one.run.fit_seconds
    longer = replace(config, training=replace(config.training, max_steps=4000))
    more = estimate_study(longer, rehearse=once).arms[0].run
    assert more is not None
    assert more.fit_seconds > 10 * one.run.fit_seconds


@pytest.mark.full
def test_a_model_that_does_not_fit_is_said_and_not_tried(config: StudyConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chosen, "available_memory_bytes", lambda: 10_000)

    def never(spec: RehearsalSpec) -> Rehearsal:
        assert spec.arm in ("majority", "tfidf"), f"{spec.arm} was tried"
        return rehearse(spec)

    found = estimate_study(config, rehearse=never)
    told = {arm.arm: arm.reason for arm in found.arms}
    assert told["tfidf"] is None
    assert "does not fit" in str(told["lora"])


def test_an_arm_that_cannot_be_rehearsed_leaves_the_others(config: StudyConfig) -> None:
    def broken(spec: RehearsalSpec) -> Rehearsal:
        return Rehearsal(reason="it broke") if spec.arm == "probe" else rehearse(spec)

    found = estimate_study(replace(config, arms=("majority", "probe")), rehearse=broken)
    assert [arm.reason for arm in found.arms] == [None, "it broke"]
    assert 0 < found.seconds - found.arms[0].seconds < found.took_seconds


@pytest.mark.full
def test_a_rehearsal_trains_with_the_settings_of_the_study(config: StudyConfig) -> None:
    asked: list[RehearsalSpec] = []

    def told(spec: RehearsalSpec) -> Rehearsal:
        asked.append(spec)
        return rehearse(spec)

    config = replace(config, arms=("lora",), training=replace(config.training, weight_decay=0.1))
    estimate_study(config, rehearse=told)
    own = asked[0].config
    assert own.training.weight_decay == 0.1
    assert own.lora == config.lora
    assert own.model == config.model
    assert own.methods.rate_trials == 0


@pytest.mark.full
def test_a_rehearsal_tells_what_laid_out_weights_take(config: StudyConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightune.models.layouts.LEAST", 1)
    monkeypatch.setattr("lightune.compute.quickening.onednn_speed", lambda: 2.0)
    seen: dict[str, Rehearsal] = {}

    def told(spec: RehearsalSpec) -> Rehearsal:
        seen[spec.arm] = rehearse(spec)
        return seen[spec.arm]

    estimate_study(replace(config, arms=("pretrained", "probe", "lora")), rehearse=told)
    assert all(one.layouts > 0 for one in seen.values())
    assert seen["lora"].fits[-1].layouts > 0
    assert {arm: len(one.fits) for arm, one in seen.items()} == {"pretrained": 1, "probe": 3, "lora": 1}


@pytest.mark.full
def test_the_states_below_the_top_blocks_are_counted_once_for_each_text(
    config: StudyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[float] = []
    real = Training._trunk

    def seen(self: Training, lengths: Lengths) -> float:
        counted.append(real(self, lengths))
        return counted[-1]

    monkeypatch.setattr(Training, "_trunk", seen)
    monkeypatch.setattr(Training, "_forward", lambda self, lengths: float(len(lengths)))  # a second a row
    for top_blocks in (None, 1):
        counted.clear()
        training = replace(config.training, top_blocks=top_blocks)
        estimated(replace(config, arms=("lora",), training=training))
        # Those of the rehearsal, which are left out of what a training takes once, then the study's 36 and 4 rows.
        # Half of the passes: the model has two blocks.
        assert counted[2:4] == ([0, 0] if top_blocks is None else [18, 2])
        assert (0 < counted[0] <= 18) == (top_blocks is not None)


@pytest.mark.full
def test_a_process_of_its_own_sees_its_own_memory(config: StudyConfig) -> None:
    found = estimate_study(replace(config, arms=("lora", "majority")))
    lora, majority = (arm.run for arm in found.arms)
    assert lora is not None
    assert majority is not None
    assert lora.peak_memory_bytes > majority.peak_memory_bytes > 50e6
