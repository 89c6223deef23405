"""Which artefact a folder means."""

from __future__ import annotations

import shutil

import pytest

import lightune
from lightune.errors import ConfigError, InputError, ModelError
from lightune.inference import arms_of, baseline_of, find_artifact


@pytest.fixture
def study(finished, tmp_path):
    """Make a folder like a study's with artefacts under these names."""

    def make(*arms):
        (tmp_path / "arms").mkdir()
        for arm in arms:
            kind = arm if arm == "pretrained" else "lora"
            shutil.copytree(finished.folder / "arms" / kind, tmp_path / "arms" / arm)
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("arms", "chosen"),
    [
        (("lora", "pretrained"), "lora"),
        (("lora", "dora", "full", "pretrained"), "lora"),
        (("dora", "pretrained"), "dora"),
        (("full",), "full"),
    ],
)
def test_without_a_name_it_is_lora_else_the_only_trained_one(study, arms, chosen):
    assert find_artifact(study(*arms)).name == chosen


@pytest.mark.parametrize("arms", [("dora", "full", "pretrained"), ("pretrained",)])
def test_without_a_name_and_a_default_the_arms_are_listed(study, arms):
    with pytest.raises(ConfigError, match=", ".join(sorted(arms))) as caught:
        find_artifact(study(*arms))
    assert caught.value.exit_code == 2
    assert "--arm" in str(caught.value)


def test_what_was_not_fine_tuned_is_no_trained_arm(study):
    folder = study("dora", "pretrained")
    shutil.copytree(folder / "arms" / "pretrained", folder / "arms" / "probe")
    assert find_artifact(folder).name == "dora"


def test_a_named_arm_is_the_one_that_is_meant(study):
    folder = study("dora", "full", "pretrained")
    assert find_artifact(folder, "pretrained").name == "pretrained"
    with pytest.raises(ConfigError, match=r"--arm lora: .* has dora, full, pretrained"):
        find_artifact(folder, "lora")


def test_what_a_killed_process_left_behind_is_no_arm(study):
    folder = study("lora", ".dora.123.partial")
    assert arms_of(folder) == ["lora"]
    assert find_artifact(folder).name == "lora"


def test_a_study_s_folder_and_its_arm_s_folder_give_the_same_answers(finished):
    texts = ["the plot is dull", "the music is a joy"]
    by_study = lightune.load(finished.folder)
    by_arm = lightune.load(str(finished.folder / "arms" / "lora"))
    assert by_study.arm == by_arm.arm == "lora"
    assert by_study.verified
    assert (by_study.logits(texts) == by_arm.logits(texts)).all()
    assert lightune.load(finished.folder, "pretrained").arm == "pretrained"


def test_an_arm_s_folder_has_no_other_arms(finished):
    folder = finished.folder / "arms" / "lora"
    assert find_artifact(folder, "lora") == folder
    with pytest.raises(ConfigError, match="single arm"):
        find_artifact(folder, "pretrained")


@pytest.mark.parametrize(
    ("name", "said"), [("absent", "does not exist"), ("file", "it is a file"), ("empty", "neither")]
)
def test_a_folder_without_artefacts_is_refused_with_what_was_expected(tmp_path, name, said):
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=said):
        lightune.load(tmp_path / name)


def test_the_baseline_is_the_study_s_pretrained_arm(finished, study, tiny_gpt2):
    assert baseline_of(finished.folder / "arms" / "lora") == finished.folder / "arms" / "pretrained"
    other_seed = finished.folder / "arms" / "lora" / "seeds" / "1"
    assert baseline_of(other_seed) == finished.folder / "arms" / "pretrained"
    for artifact in (study("lora") / "arms" / "lora", tiny_gpt2):
        with pytest.raises(InputError, match="--arms pretrained"):
            baseline_of(artifact)
