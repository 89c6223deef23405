"""--top-blocks in a study: refused where it makes no sense, part of what a run is, and none where it is not given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lightune.arms import arm_kind
from lightune.config import StudyConfig, TrainingConfig, config_from_dict, config_to_dict
from lightune.errors import ConfigError, InputError
from lightune.study import in_process, run_study
from tests.fixtures.models import save_language_model
from tests.study.shared import never, quick_config, write_reviews


def asked(model: Path, tmp_path: Path, arms: tuple[str, ...] = ("lora",), **training: Any) -> StudyConfig:
    config = quick_config(model, write_reviews(tmp_path / "reviews", 30, 10))
    return replace(config, arms=arms, training=replace(config.training, **training))


@pytest.mark.parametrize(
    ("arms", "top_blocks", "said"),
    [
        (("lora",), 3, "--top-blocks 3: the model has 2 blocks. Give a number up to that, or leave it out."),
        (("lora", "prompt-tuning"), 1, "--top-blocks 1: Prompt tuning cannot be kept to the upper blocks: it changes"),
        (("probe", "full"), 1, "--top-blocks: it is for adapters, and no arm of this study is one"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_written(
    tiny_gpt2: Path, tmp_path: Path, arms: tuple[str, ...], top_blocks: int, said: str
) -> None:
    with pytest.raises(ConfigError, match=r"^--top") as caught:
        run_study(asked(tiny_gpt2, tmp_path, arms, top_blocks=top_blocks), tmp_path / "out", executor=never)
    assert str(caught.value).startswith(said)
    assert not (tmp_path / "out").exists()


def test_an_encoder_decoder_is_refused(tmp_path: Path) -> None:
    model = save_language_model(tmp_path / "t5", "t5")
    with pytest.raises(InputError, match="encoder-decoder, whose blocks stand in two lists"):
        run_study(asked(model, tmp_path, top_blocks=1), tmp_path / "out", executor=never)


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"top_blocks": 0}, "--top-blocks: at least 1 is expected, got 0."),
        ({"trunk_cache": "int8"}, "--trunk-cache: one of float32, bfloat16, none is expected, got 'int8'."),
        ({"trunk_cache_bytes": -1}, "--trunk-cache-bytes: at least 0 is expected, got -1."),
    ],
)
def test_the_options_are_checked(training: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        StudyConfig(training=TrainingConfig(**training))
    assert str(caught.value) == said


def settings(**training: Any) -> dict[str, object]:
    return arm_kind("lora").settings(config_to_dict(StudyConfig(training=TrainingConfig(**training))))


def test_a_run_is_another_one_by_its_top_blocks_and_by_a_rounded_cache_alone() -> None:
    plain = settings()
    # What a study of before these options has, so that its runs are still its own.
    training = plain["training"]
    assert isinstance(training, dict)
    assert not {"top_blocks", "trunk_cache", "trunk_cache_bytes"} & set(training)
    assert settings(trunk_cache="bfloat16") == settings(trunk_cache_bytes=5) == plain
    top = settings(top_blocks=1)
    assert top != plain
    assert settings(top_blocks=1, trunk_cache="none") == settings(top_blocks=1, trunk_cache_bytes=5) == top
    assert settings(top_blocks=1, trunk_cache="bfloat16") != top
    assert settings(top_blocks=2) != top


def test_the_configuration_of_an_earlier_study_is_read() -> None:
    values = config_to_dict(StudyConfig())
    for name in ("top_blocks", "trunk_cache", "trunk_cache_bytes"):
        del values["training"][name]
    assert config_from_dict(values) == StudyConfig()


@pytest.mark.full
def test_a_study_shares_the_states_and_certifies_what_it_made(deep_bases: dict[str, Path], tmp_path: Path) -> None:
    config = asked(deep_bases["gpt2"], tmp_path, ("probe", "lora", "bitfit"), top_blocks=1, max_steps=6)
    result = run_study(config, tmp_path / "out", executor=in_process)
    assert [arm.status for arm in result.arms] == ["done"] * 3
    notes = {arm.name: " ".join(arm.notes) for arm in result.arms}
    assert "had their states from an earlier run" not in notes["probe"]
    for name in ("lora", "bitfit"):
        assert "The lower 3 of 4 blocks were run once for each of" in notes[name]
        assert "had their states from an earlier run" in notes[name]
    assert "top blocks" in (tmp_path / "out" / "report.md").read_text()
