"""Weights that are not all of the configuration's are refused: the rest would be drawn at random unsaid."""

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from lightune.errors import ModelError
from tests.fixtures.bases import edit_config, load


def test_a_models_weight_file_is_cut_off(bases: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(bases["gpt2"], tmp_path / "cut")
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ModelError, match=r"model\.safetensors cannot be read") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("gpt2", {"n_embd": 16}),
        ("gpt2", {"n_layer": 4}),
        ("bert", {"num_hidden_layers": 3}),
        ("bert", {"vocab_size": 500}),
        ("deberta-v2", {"num_hidden_layers": 3}),
        ("modernbert", {"intermediate_size": 32}),
        ("bart", {"decoder_layers": 3}),
        ("t5", {"num_decoder_layers": 3}),
        ("t5", {"d_kv": 8}),
    ],
    ids=str,
)
def test_weights_that_are_not_the_configurations_are_refused_not_drawn(
    bases: dict[str, Path], tmp_path: Path, kind: str, change: dict[str, int]
) -> None:
    folder = shutil.copytree(bases[kind], tmp_path / "mixed")
    edit_config(folder, **change)
    with pytest.raises(ModelError, match=r"do not belong to its config\.json"):
        load(folder)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("gpt2", "transformer.wpe.weight"),
        ("bert", "bert.embeddings.word_embeddings.weight"),
        ("deberta-v2", "deberta.encoder.rel_embeddings.weight"),
        ("modernbert", "model.final_norm.weight"),
        ("bart", "model.shared.weight"),
        ("t5", "shared.weight"),
        ("t5", "encoder.final_layer_norm.weight"),
        ("qwen2", "model.layers.1.self_attn.k_proj.bias"),
    ],
)
def test_a_backbone_that_lacks_a_tensor_is_refused_not_drawn(
    bases: dict[str, Path], tmp_path: Path, kind: str, name: str
) -> None:
    folder = shutil.copytree(bases[kind], tmp_path / "holed")
    weights = load_file(folder / "model.safetensors")
    del weights[name]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"do not belong to its config\.json \(.* is missing there"):
        load(folder)


def test_weights_of_another_architecture_are_refused(bases: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(bases["bert"], tmp_path / "mixed")
    shutil.copy(bases["gpt2"] / "model.safetensors", folder)
    with pytest.raises(ModelError, match=r"do not belong to its config\.json"):
        load(folder)


@pytest.mark.parametrize("kind", ["bart", "t5"])
def test_an_encoder_decoder_that_does_not_say_how_its_decoder_starts_is_refused(
    bases: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    folder = shutil.copytree(bases[kind], tmp_path / "startless")
    edit_config(folder, decoder_start_token_id=None)
    with pytest.raises(ModelError, match=r"its config\.json names no decoder_start_token_id"):
        load(folder)
