"""Finding a model: what is refused, in one sentence, before weights are read; and no code that came with it runs."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from transformers.utils import logging

from lightune.errors import ModelError
from lightune.models import (
    embedded_folder,
    find_model,
    load_classifier,
    load_tokenizer,
    quiet_transformers,
    weights_digest,
)
from tests.fixtures.bases import load

MARKER_CODE = """
import pathlib
pathlib.Path({marker!r}).write_text("ran")
from transformers import PreTrainedConfig

class Odd(PreTrainedConfig):
    model_type = "gpt2"
"""


def folder_with(folder: Path, **files: Any) -> Path:
    folder.mkdir()
    for name, value in files.items():
        text = value if isinstance(value, str) else json.dumps(value)
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return folder


def check_refused(source: str, *parts: str) -> None:
    with pytest.raises(ModelError) as caught:
        find_model(source)
    message = str(caught.value)
    assert message.startswith(f"--model {source}: ")
    assert "\n" not in message
    assert message.endswith(".")
    for part in parts:
        assert part in message


def test_an_absent_path_is_refused(tmp_path: Path) -> None:
    check_refused(str(tmp_path / "nothing"), "does not exist")


@pytest.mark.parametrize("source", ["./nothing", "../nothing", "~/nothing", "a/b/c", "a\\b"])
def test_what_looks_like_a_path_is_not_asked_of_the_hub(source: str) -> None:
    check_refused(source, "a model's folder is expected, but it does not exist")


def test_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"x")
    check_refused(str(path), "is a file")


def test_a_folder_without_a_configuration_is_refused(tmp_path: Path) -> None:
    check_refused(str(tmp_path), "no config.json")


def test_an_adapters_folder_is_refused_with_what_to_name_instead(tmp_path: Path) -> None:
    check_refused(str(folder_with(tmp_path / "adapter", adapter_config__json={})), "adapter", "base model")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin"])
def test_pickled_weights_alone_are_refused(bases: dict[str, Path], tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(bases["gpt2"], tmp_path / "pickle")
    (folder / "model.safetensors").rename(folder / name)
    check_refused(str(folder), "pickle", name, "safetensors")


def test_a_pickle_beside_safetensors_is_left_alone(bases: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(bases["gpt2"], tmp_path / "both")
    (folder / "pytorch_model.bin").write_bytes(b"not a pickle")
    assert load(folder).model.config.n_embd == 32


@pytest.mark.parametrize("source", ["nobody/no-such-model", "no-such-model", "white space", "-"])
def test_an_unknown_hub_id_is_refused_offline(source: str) -> None:
    check_refused(source, "no model of this name could be read", "Name a local folder, a hub id, or `embedded`.")


@pytest.mark.parametrize(
    ("config", "parts"),
    [
        ({"model_type": "clvp"}, ("'clvp'", "no such class")),
        ({"model_type": "whisper"}, ("'whisper'", "no such class")),
        ({"model_type": "clip"}, ("'clip'", "no such class")),
        ({"model_type": "gpt2", "problem_type": "multi_label_classification"}, ("multi_label", "one label a text")),
        ({"model_type": "gpt2", "problem_type": "regression"}, ("regression", "one label a text")),
        ({"model_type": "no-such-type"}, ("config.json cannot be used", "no-such-type")),
        ({"model_type": "gpt2", "n_embd": "wide"}, ("config.json cannot be used", "n_embd")),
        ({}, ("config.json cannot be used", "model_type")),
        ("{", ("config.json cannot be used",)),
        ("[]", ("config.json cannot be used",)),
    ],
    ids=str,
)
def test_a_configuration_that_is_no_use_is_refused(tmp_path: Path, config: Any, parts: tuple[str, ...]) -> None:
    check_refused(str(folder_with(tmp_path / "model", config__json=config)), *parts)


def test_a_found_model_is_what_was_named(bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bases["gpt2"].parent)
    source = find_model("gpt2")
    assert (source.name, source.location) == ("gpt2", str(bases["gpt2"].resolve()))
    assert source.is_local
    assert not source.untrained
    assert source.config.model_type == "gpt2"


def test_the_embedded_model_lies_in_the_package() -> None:
    source = find_model("embedded")
    assert source.name == "embedded"
    assert Path(source.location) == embedded_folder().resolve()
    assert not source.untrained


def test_the_digest_is_the_weights(bases: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(bases["gpt2"], tmp_path / "copy")
    before = weights_digest(find_model(str(folder)))
    assert before == weights_digest(find_model(str(bases["gpt2"])))
    weights = load_file(folder / "model.safetensors")
    weights["transformer.ln_f.bias"][0] += 1
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert weights_digest(find_model(str(folder))) != before
    (folder / "model.safetensors").unlink()
    assert weights_digest(find_model(str(folder))) not in (None, before)


def test_quiet_puts_the_settings_back_whatever_happens() -> None:
    def fail_quietly() -> None:
        with quiet_transformers():
            assert logging.get_verbosity() == logging.ERROR
            assert not logging.is_progress_bar_enabled()
            raise ZeroDivisionError

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    with pytest.raises(ZeroDivisionError):
        fail_quietly()
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (before, bars)


def test_loading_writes_nothing_to_the_terminal(bases: dict[str, Path], capfd: pytest.CaptureFixture[str]) -> None:
    load(bases["bert"])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("model_type", ["gpt2", "odd"])
def test_no_code_that_lies_beside_a_model_is_run(bases: dict[str, Path], tmp_path: Path, model_type: str) -> None:
    folder, marker = shutil.copytree(bases["gpt2"], tmp_path / "odd"), tmp_path / "marker"
    (folder / "odd.py").write_text(MARKER_CODE.format(marker=str(marker)))
    for name, classes in (
        ("config.json", {"AutoConfig": "odd.Odd", "AutoModelForSequenceClassification": "odd.Odd"}),
        ("tokenizer_config.json", {"AutoTokenizer": ["odd.Odd", "odd.Odd"]}),
    ):
        values = {**json.loads((folder / name).read_text()), "auto_map": classes}
        if name == "config.json":
            values["model_type"] = model_type
        (folder / name).write_text(json.dumps(values))
    if model_type == "odd":
        # Known by its code alone, so it cannot be had.
        check_refused(str(folder))
    else:
        source = find_model(str(folder))
        assert type(source.config).__module__.startswith("transformers.")
        base = load_classifier(source, ("bad", "good"), 0)
        assert type(base.model).__module__.startswith("transformers.")
        assert type(load_tokenizer(source)).__module__.startswith("transformers.")
    assert not marker.exists()


def test_a_path_from_home_is_one(bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(bases["gpt2"].parent))
    assert find_model("~/gpt2").location == str(bases["gpt2"].resolve())
