"""The arms as a run sees them: fitted on rows, asked for answers, saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import lightune
from lightune.arms import arm_kind, make_arm
from lightune.arms.base import ArmContext
from lightune.arms.registry import KINDS
from lightune.config import LoraConfig, ModelConfig, StudyConfig, TrainingConfig, config_to_dict
from lightune.errors import ConfigError
from lightune.progress import silent
from tests.fixtures.models import save_classifier
from tests.fixtures.reviews import as_rows, make_reviews

NAMES = ("bad", "good")
TRAIN, HELD_OUT = as_rows(make_reviews(24)), as_rows(make_reviews(12, seed=1))
TEXTS = HELD_OUT.texts


def context(model: Path, scratch: Path, seed: int = 0, **training: Any) -> ArmContext:
    config = StudyConfig(
        ModelConfig(str(model)),
        training=TrainingConfig(**{"max_steps": 2, "evaluations": 1, **training}),
        lora=LoraConfig(rank=2),
    )
    scratch.mkdir(parents=True, exist_ok=True)
    return ArmContext(config, NAMES, "good", "fingerprint", seed, len(TRAIN), scratch, silent)


def fitted(arm: str, model: Path, scratch: Path, seed: int = 0, **training: Any) -> Any:
    return make_arm(arm, context(model, scratch, seed, **training)).fit(TRAIN, HELD_OUT)


def test_a_name_that_is_no_arm_is_told_what_arms_there_are():
    with pytest.raises(ConfigError, match=r"--arms: 'lorra' is no arm; there are pretrained, lora\."):
        arm_kind("lorra")


def test_an_arm_depends_on_its_own_settings_alone():
    settings = config_to_dict(StudyConfig())
    assert arm_kind("pretrained").settings(settings) == {}
    assert arm_kind("lora").settings(settings).keys() == {"training", "lora"}


@pytest.mark.parametrize("arm", list(KINDS))
@pytest.mark.parametrize("kind", ["gpt2", "bert", "llama"])
def test_what_was_saved_answers_as_what_is_in_memory(bases, tmp_path, arm, kind):
    model = fitted(arm, bases[kind], tmp_path / "scratch")
    model.save(tmp_path / "saved")
    loaded = lightune.load(tmp_path / "saved")
    assert np.abs(loaded.logits(TEXTS) - model.logits(TEXTS)).max() < 1e-5


def test_an_untrained_head_is_measured_over_five_seeds(bases, tmp_path):
    model = fitted("pretrained", bases["gpt2"], tmp_path, seed=7)
    answers = model.predict_each(TEXTS)
    assert model.seeds == (7, 8, 9, 10, 11)
    assert answers.probabilities.shape == (5, len(TEXTS), 2)
    assert answers.probabilities.sum(axis=2) == pytest.approx(1)
    assert len({row.tobytes() for row in answers.probabilities}) == 5
    # Each is what a study with that seed alone would measure first.
    other = fitted("pretrained", bases["gpt2"], tmp_path, seed=9)
    assert np.abs(other.predict_each(TEXTS).probabilities[0] - answers.probabilities[2]).max() < 1e-6
    assert model.facts.head == "untrained"
    assert "Measured over 5 head seeds." in model.facts.notes


def test_a_trained_head_is_measured_as_it_is(tmp_path):
    folder = save_classifier(tmp_path / "model", NAMES)
    model = fitted("pretrained", folder, tmp_path / "scratch")
    assert model.seeds == (0,)
    assert model.predict_each(TEXTS).probabilities.shape == (1, len(TEXTS), 2)
    assert model.facts.head == "trained"
    other = fitted("pretrained", folder, tmp_path / "scratch", seed=5)
    assert (other.logits(TEXTS) == model.logits(TEXTS)).all()


def test_what_nothing_was_learned_for_costs_nothing_to_fit(bases, tmp_path):
    facts = fitted("pretrained", bases["gpt2"], tmp_path).facts
    assert (facts.fit_seconds, facts.trainable_parameters, facts.tokens, facts.training) == (0.0, 0, 0, None)


def test_lora_reports_what_it_took(bases, tmp_path):
    model = fitted("lora", bases["gpt2"], tmp_path)
    facts = model.facts
    # Two blocks: rank 2 beside c_attn, c_proj, c_fc and c_proj; two rows of the head.
    per_block = 2 * ((32 + 96) + (32 + 32) + (32 + 128) + (128 + 32))
    assert facts.trainable_parameters == 2 * per_block + 2 * 32
    assert facts.rows == 24  # one step of 16 and one of 8
    assert facts.tokens == model.encoder.encode(TRAIN.texts).lengths.sum()
    assert facts.fit_seconds > 0
    assert facts.training.steps == 2


def test_answers_come_with_what_they_took(bases, tmp_path):
    model = fitted("lora", bases["gpt2"], tmp_path)
    long = " ".join(["a very long review"] * 60)
    answers = model.predict_each([*TEXTS, long, ""])
    assert answers.probabilities.shape == (1, len(TEXTS) + 2, 2)
    assert answers.cut_rows == 1
    assert answers.tokens == model.encoder.encode([*TEXTS, long, ""]).lengths.sum()
    assert answers.seconds > 0


def test_dropout_of_the_frozen_base_is_off_unless_asked_for(bases, tmp_path):
    def drops(model: Any) -> set[float]:
        return {module.p for module in model.base.model.modules() if isinstance(module, nn.Dropout)}

    assert drops(fitted("lora", bases["gpt2"], tmp_path / "a")) == {0.0}
    assert drops(fitted("lora", bases["gpt2"], tmp_path / "b", frozen_dropout=True)) == {0.1}


def test_stock_routes_are_told(bases, tmp_path):
    assert fitted("lora", bases["gpt2"], tmp_path / "a").save(tmp_path / "lora") == "adapter"
    route = fitted("pretrained", bases["gpt2"], tmp_path / "b").save(tmp_path / "pretrained")
    assert route.startswith("none: ")
