"""What comes through the one door to `from_pretrained`."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

from lightune.errors import ModelError
from lightune.models import find_model, load_classifier
from tests.fixtures.bases import answers, largest_difference, load, padded, token_rows
from tests.fixtures.models import KINDS, save_classifier, tiny_config, tokenizer_for

BATCH = padded(token_rows(4, 9), 0)

HEADS = {
    "gpt2": (("score",), ("score.weight",)),
    "llama": (("score",), ("score.weight",)),
    "bert": (
        ("classifier", "bert.pooler.dense"),
        ("bert.pooler.dense.bias", "bert.pooler.dense.weight", "classifier.bias", "classifier.weight"),
    ),
    "distilbert": (
        ("pre_classifier", "classifier"),
        ("classifier.bias", "classifier.weight", "pre_classifier.bias", "pre_classifier.weight"),
    ),
    "roberta": (
        ("classifier",),
        (
            "classifier.dense.bias",
            "classifier.dense.weight",
            "classifier.out_proj.bias",
            "classifier.out_proj.weight",
        ),
    ),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of classifiers with a head of their own, by kind; their labels are NEGATIVE and POSITIVE."""
    root = tmp_path_factory.mktemp("trained")
    return {kind: save_classifier(root / kind, ("NEGATIVE", "POSITIVE"), kind) for kind in KINDS}


def weightless(folder: Path, kind: str) -> Path:
    tiny_config(kind).save_pretrained(folder)
    tokenizer_for(kind).save_pretrained(folder)
    return folder


def edit_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("kind", KINDS)
def test_an_untrained_head_is_found_and_named(bases: dict[str, Path], kind: str) -> None:
    head = load(bases[kind]).head
    assert not head.trained
    assert (head.modules, head.drawn) == HEADS[kind]
    assert "untrained" in head.note


@pytest.mark.parametrize("kind", KINDS)
def test_the_backbone_is_the_checkpoints_to_the_bit(bases: dict[str, Path], kind: str) -> None:
    base = load(bases[kind])
    saved = load_file(bases[kind] / "model.safetensors")
    kept = [name for name in base.model.state_dict() if name not in base.head.drawn]
    assert len(kept) >= 20
    for name in kept:
        assert torch.equal(base.model.state_dict()[name], saved[name]), name


@pytest.mark.parametrize("kind", KINDS)
def test_a_trained_head_that_fits_is_used_as_it_stands(trained: dict[str, Path], kind: str) -> None:
    base = load(trained[kind], ("neg", "pos"))
    stock = AutoModelForSequenceClassification.from_pretrained(trained[kind]).eval()
    assert base.head.trained
    assert base.head.drawn == ()
    assert largest_difference(answers(base.model, **BATCH), answers(stock, **BATCH)) < 1e-6
    # No seed plays a part.
    other = load(trained[kind], ("neg", "pos"), seed=5)
    assert torch.equal(answers(base.model, **BATCH), answers(other.model, **BATCH))


@pytest.mark.parametrize("kind", KINDS)
def test_a_trained_head_follows_the_order_of_the_labels(trained: dict[str, Path], kind: str) -> None:
    straight = answers(load(trained[kind], ("NEGATIVE", "POSITIVE")).model, **BATCH)
    turned = load(trained[kind], ("positive", "negative"))
    assert turned.head.trained
    assert turned.model.config.id2label == {0: "positive", 1: "negative"}
    assert torch.allclose(answers(turned.model, **BATCH), straight[:, [1, 0]], atol=1e-6)
    assert largest_difference(straight[:, 0], straight[:, 1]) > 1e-4


def test_a_head_whose_labels_have_no_names_is_taken_in_order_and_said_to_be(tmp_path: Path) -> None:
    folder = save_classifier(tmp_path, ("LABEL_0", "LABEL_1"))
    base = load(folder, ("good", "bad"))
    stock = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    assert base.head.trained
    assert "in order" in base.head.note
    assert largest_difference(answers(base.model, **BATCH), answers(stock, **BATCH)) < 1e-6


def test_a_trained_head_of_other_labels_gives_way_to_an_untrained_one(trained: dict[str, Path]) -> None:
    heads = [load_classifier(find_model(str(trained["gpt2"])), ("cat", "dog"), seed) for seed in (1, 2)]
    for base in heads:
        assert not base.head.trained
        assert base.head.drawn == ("score.weight",)
        assert "NEGATIVE, POSITIVE" in base.head.note
    assert not torch.equal(heads[0].model.score.weight, heads[1].model.score.weight)
    stored = load_classifier(find_model(str(trained["gpt2"])), ("negative", "positive"), 1)
    assert not torch.equal(heads[0].model.score.weight, stored.model.score.weight)


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_with_another_number_of_labels_is_drawn_anew(trained: dict[str, Path], kind: str) -> None:
    one, same, other = (load(trained[kind], ("a", "b", "c"), seed) for seed in (1, 1, 2))
    assert not one.head.trained
    assert one.head.drawn
    assert all(name.startswith(("score", "classifier")) for name in one.head.drawn)
    logits = answers(one.model, **BATCH)
    assert logits.shape == (2, 3)
    assert torch.equal(logits, answers(same.model, **BATCH))
    assert largest_difference(logits, answers(other.model, **BATCH)) > 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_labels_stand_by_name_and_the_model_is_ready_to_be_measured(bases: dict[str, Path], kind: str) -> None:
    base = load(bases[kind], ("x", "y", "z"))
    assert base.model.config.id2label == {0: "x", 1: "y", 2: "z"}
    assert base.model.config.label2id == {"x": 0, "y": 1, "z": 2}
    assert base.model.config.num_labels == 3
    assert base.label_names == ("x", "y", "z")
    assert not base.model.training


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_weights_are_float32_whatever_the_files_type(
    bases: dict[str, Path], tmp_path: Path, dtype: torch.dtype
) -> None:
    folder = shutil.copytree(bases["gpt2"], tmp_path / "half")
    halves = {name: value.to(dtype) for name, value in load_file(folder / "model.safetensors").items()}
    save_file(halves, folder / "model.safetensors", {"format": "pt"})
    edit_config(folder, dtype=str(dtype).removeprefix("torch."))
    model = load(folder).model
    assert {value.dtype for value in model.parameters()} == {torch.float32}
    assert answers(model, **BATCH).dtype == torch.float32
    assert torch.equal(model.transformer.wte.weight, halves["transformer.wte.weight"].float())
    # Stock transformers takes the type from the configuration.
    assert AutoModelForSequenceClassification.from_pretrained(folder).dtype == dtype


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_without_weights_has_one_backbone_and_a_head_a_seed(tmp_path: Path, kind: str) -> None:
    folder = weightless(tmp_path, kind)
    assert find_model(str(folder)).untrained
    one, two = load(folder, seed=1), load(folder, seed=2)
    assert not one.head.trained
    assert "no weights" in one.head.note
    for name, value in one.model.named_parameters():
        assert name in one.head.drawn or torch.equal(value, two.model.get_parameter(name)), name
    assert largest_difference(answers(one.model, **BATCH), answers(two.model, **BATCH)) > 1e-4
    assert torch.equal(answers(one.model, **BATCH), answers(load(folder, seed=1).model, **BATCH))


@pytest.mark.parametrize("weights", [True, False])
def test_loading_leaves_the_global_generator_alone(bases: dict[str, Path], tmp_path: Path, weights: bool) -> None:
    source = find_model(str(bases["bert"] if weights else weightless(tmp_path, "bert")))
    torch.manual_seed(5)
    state = torch.get_rng_state()
    load_classifier(source, ("a", "b"), 3)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_models_weight_file_is_cut_off(bases: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(bases["gpt2"], tmp_path / "cut")
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ModelError, match="its weights could not be loaded") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("gpt2", {"n_embd": 16}),
        ("gpt2", {"n_layer": 4}),
        ("bert", {"num_hidden_layers": 3}),
        ("bert", {"vocab_size": 500}),
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


def test_weights_of_another_architecture_are_refused(bases: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(bases["bert"], tmp_path / "mixed")
    shutil.copy(bases["gpt2"] / "model.safetensors", folder)
    with pytest.raises(ModelError, match=r"do not belong to its config\.json"):
        load(folder)


def test_saved_parameters_keep_their_stock_names(bases: dict[str, Path], tmp_path: Path) -> None:
    base = load(bases["gpt2"])
    base.model.save_pretrained(tmp_path)
    stock, info = AutoModelForSequenceClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info[fault] for fault in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert stock.config.id2label == {0: "bad", 1: "good"}
    right = padded(token_rows(4, 9), base.tokenizer.pad_token_id)
    assert largest_difference(answers(stock.eval(), **right), answers(base.model, **right)) < 1e-5
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert set(file.keys()) == {*base.model.state_dict()}
