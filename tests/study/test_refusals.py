"""A folder goes on with its own study and with no other; what is refused leaves no trace."""

from __future__ import annotations

import fcntl
import shutil
from dataclasses import replace

import pytest

from lightune.config import LoraConfig, TrainingConfig
from lightune.errors import ConfigError, InputError
from lightune.study import in_process, run_study
from tests.fixtures.models import save_language_model
from tests.fixtures.reviews import make_reviews, write_csv
from tests.study.shared import never, quick_config, unchanged, write_reviews

DATA = {
    "another source": {"source": "embedded"},
    "another size": {"train_size": 60},
    "another test size": {"test_size": 30},
    "another draw": {"seed": 1},
    "another positive label": {"positive_label": "bad"},
}
MODEL = {
    "another model": {"source": "embedded"},
    "a shorter cut": {"max_length": 16},
    "another cut": {"truncate": "tail"},
}
STUDY = {
    "another learning rate": {"training": TrainingConfig(max_steps=80, learning_rate=5e-3, evaluations=4)},
    "another rank": {"lora": LoraConfig(rank=2)},
    "another first seed": {"seed": 1},
    "texts no longer kept": {"keep_texts": False},
}
CHANGES = [
    *(pytest.param("data", change, id=name) for name, change in DATA.items()),
    *(pytest.param("model", change, id=name) for name, change in MODEL.items()),
    *(pytest.param(None, change, id=name) for name, change in STUDY.items()),
]


@pytest.mark.parametrize(("section", "change"), CHANGES)
def test_another_study_in_the_same_folder_is_refused_and_changes_nothing(finished, section, change):
    if section is not None:
        change = {section: replace(getattr(finished.config, section), **change)}
    other = replace(finished.config, **change)
    with unchanged(finished.folder), pytest.raises(ConfigError, match="Name another folder") as caught:
        run_study(other, finished.folder, executor=never)
    assert str(finished.folder) in str(caught.value)


@pytest.mark.full
def test_data_that_changed_since_are_refused(tiny_gpt2, tmp_path):
    data = write_reviews(tmp_path / "reviews", 30, 10)
    config = quick_config(tiny_gpt2, data)
    run_study(config, tmp_path / "out", executor=in_process)
    write_csv(data / "train.csv", [*make_reviews(30)[:-1], ("A new one.", "good")])
    with unchanged(tmp_path / "out"), pytest.raises(ConfigError, match="other texts"):
        run_study(config, tmp_path / "out", executor=never)


@pytest.mark.full
def test_weights_that_changed_since_are_refused(tmp_path):
    model = save_language_model(tmp_path / "model")
    config = quick_config(model, write_reviews(tmp_path / "reviews", 30, 10))
    run_study(config, tmp_path / "out", executor=in_process)
    shutil.rmtree(model)
    save_language_model(model, seed=1)
    with unchanged(tmp_path / "out"), pytest.raises(ConfigError, match="other weights"):
        run_study(config, tmp_path / "out", executor=never)


def test_a_folder_with_somebody_s_files_is_refused(finished, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with unchanged(tmp_path), pytest.raises(ConfigError, match=r"thesis\.txt"):
        run_study(finished.config, tmp_path, executor=never)
    assert not (tmp_path / ".lock").exists()


@pytest.mark.parametrize("below", ["", "out", "deep/out"])
def test_a_file_where_the_folder_should_be_is_refused(finished, tmp_path, below):
    (tmp_path / "taken").write_text("mine")
    with unchanged(tmp_path), pytest.raises(ConfigError, match="is a file"):
        run_study(finished.config, tmp_path / "taken" / below, executor=never)


@pytest.mark.parametrize("text", [b"arms: [", b"unknown: 1", b"- a", b"arms: \xff"])
def test_a_damaged_configuration_in_the_folder_is_refused(finished, tmp_path, text):
    folder = finished.copy(tmp_path / "copy")
    (folder / "config.yaml").write_bytes(text)
    with unchanged(folder), pytest.raises(ConfigError, match=r"config\.yaml is damaged"):
        run_study(finished.config, folder, executor=never)


def test_a_second_writer_is_refused_until_the_first_is_done(finished):
    with (finished.folder / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with unchanged(finished.folder), pytest.raises(ConfigError, match="another process"):
            run_study(finished.config, finished.folder, executor=never)
    run_study(finished.config, finished.folder, executor=never)


@pytest.mark.parametrize(
    "change",
    [
        {"arms": ("lora", "lara")},
        {"lora": LoraConfig(target_modules=("no_such_layer",)), "arms": ("lora",)},
    ],
    ids=["an arm that is none", "a layer that is none"],
)
def test_what_is_wrong_with_the_input_is_said_before_anything_is_written(finished, tmp_path, change):
    with pytest.raises(InputError):
        run_study(replace(finished.config, **change), tmp_path / "new", executor=never)
    assert not (tmp_path / "new").exists()


def test_a_cut_longer_than_the_model_takes_is_said_before_anything_is_written(finished, tmp_path):
    other = replace(finished.config, model=replace(finished.config.model, max_length=65))
    with pytest.raises(ConfigError, match="at most 64"):
        run_study(other, tmp_path / "new", executor=never)
    assert not (tmp_path / "new").exists()
