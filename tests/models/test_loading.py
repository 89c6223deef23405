"""What comes through the one door to `from_pretrained`."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

from lightune.models import find_model, load_classifier
from tests.fixtures.bases import answers, edit_config, largest_difference, load, padded, token_rows
from tests.fixtures.models import KINDS, save_classifier, tiny_config, tokenizer_for
from tests.fixtures.tiers import few

BATCH = padded(token_rows(4, 9), 0)

SCORE = (("score",), ("score.weight",))
DENSE = (
    ("classification_head",),
    tuple(f"classification_head.{layer}.{part}" for layer in ("dense", "out_proj") for part in ("bias", "weight")),
)

# The head's modules, and the parameters of them that a checkpoint of a language model lacks.
HEADS = {
    "gpt2": SCORE,
    "llama": SCORE,
    "qwen2": SCORE,
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
    "deberta-v2": (
        ("pooler", "classifier"),
        ("classifier.bias", "classifier.weight", "pooler.dense.bias", "pooler.dense.weight"),
    ),
    # The layer before the classifier is the language model's.
    "modernbert": (("head", "classifier"), ("classifier.bias", "classifier.weight")),
    "bart": DENSE,
    "t5": DENSE,
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


@pytest.mark.parametrize("kind", few(KINDS))
def test_an_untrained_head_is_found_and_named(bases: dict[str, Path], kind: str) -> None:
    head = load(bases[kind]).head
    assert not head.trained
    assert (head.modules, head.drawn) == HEADS[kind]
    assert "untrained" in head.note


@pytest.mark.parametrize("kind", few(KINDS))
def test_the_backbone_is_the_checkpoints_to_the_bit(bases: dict[str, Path], kind: str) -> None:
    base = load(bases[kind])
    saved = load_file(bases[kind] / "model.safetensors")
    # Each tensor once: the encoder-decoders' embedding has three names. T5's language model has no prefix.
    kept = [name for name, _ in base.model.named_parameters() if name not in base.head.drawn]
    assert len(kept) >= 15
    for name in kept:
        stored = saved[name.removeprefix("transformer.") if kind == "t5" else name]
        assert torch.equal(base.model.get_parameter(name), stored), name


@pytest.mark.full
@pytest.mark.parametrize("kind", few(KINDS))
def test_a_trained_head_that_fits_is_used_as_it_stands(trained: dict[str, Path], kind: str) -> None:
    base = load(trained[kind], ("neg", "pos"))
    stock = AutoModelForSequenceClassification.from_pretrained(trained[kind]).eval()
    assert base.head.trained
    assert base.head.drawn == ()
    assert largest_difference(answers(base.model, **BATCH), answers(stock, **BATCH)) < 1e-6
    # No seed plays a part.
    other = load(trained[kind], ("neg", "pos"), seed=5)
    assert torch.equal(answers(base.model, **BATCH), answers(other.model, **BATCH))


@pytest.mark.full
@pytest.mark.parametrize("kind", few(KINDS))
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


@pytest.mark.full
def test_a_trained_head_of_other_labels_gives_way_to_an_untrained_one(trained: dict[str, Path]) -> None:
    heads = [load_classifier(find_model(str(trained["gpt2"])), ("cat", "dog"), seed) for seed in (1, 2)]
    for base in heads:
        assert not base.head.trained
        assert base.head.drawn == ("score.weight",)
        assert "NEGATIVE, POSITIVE" in base.head.note
    assert not torch.equal(heads[0].model.score.weight, heads[1].model.score.weight)
    stored = load_classifier(find_model(str(trained["gpt2"])), ("negative", "positive"), 1)
    assert not torch.equal(heads[0].model.score.weight, stored.model.score.weight)


@pytest.mark.full
@pytest.mark.parametrize("kind", few(KINDS))
def test_a_head_with_another_number_of_labels_is_drawn_anew(trained: dict[str, Path], kind: str) -> None:
    one, same, other = (load(trained[kind], ("a", "b", "c"), seed) for seed in (1, 1, 2))
    assert not one.head.trained
    assert one.head.drawn
    assert all(name.startswith(("score", "classifi")) for name in one.head.drawn)
    logits = answers(one.model, **BATCH)
    assert logits.shape == (2, 3)
    assert torch.equal(logits, answers(same.model, **BATCH))
    assert largest_difference(logits, answers(other.model, **BATCH)) > 1e-4


@pytest.mark.parametrize("kind", few(KINDS))
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


@pytest.mark.full
@pytest.mark.parametrize("kind", few(KINDS))
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


@pytest.mark.full
@pytest.mark.parametrize("kind", few(KINDS))
def test_a_saved_classifier_is_stock_and_its_head_counts_as_trained(
    bases: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    base = load(bases[kind])
    base.model.save_pretrained(tmp_path)
    base.tokenizer.save_pretrained(tmp_path)
    stock, info = AutoModelForSequenceClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info[fault] for fault in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert stock.config.id2label == {0: "bad", 1: "good"}
    right = padded(token_rows(4, 9), base.tokenizer.pad_token_id)
    expected = answers(base.model, **right)
    assert largest_difference(answers(stock.eval(), **right), expected) < 1e-5
    again = load(tmp_path, seed=8)
    assert (again.head.trained, again.head.drawn) == (True, ())
    assert largest_difference(answers(again.model, **right), expected) < 1e-6
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert set(file.keys()) == {name for name, _ in base.model.named_parameters()}


def test_modernbert_is_not_compiled(bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(bases["modernbert"], tmp_path / "compiled")
    edit_config(folder, reference_compile=True)
    expected = answers(load(bases["modernbert"]).model, **BATCH)

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("compiled")

    monkeypatch.setattr(torch, "compile", refuse)
    monkeypatch.setattr(torch.nn.Module, "compile", refuse)
    model = load(folder).model
    assert model.config._attn_implementation in ("sdpa", "eager")
    assert torch.equal(answers(model, **BATCH), expected)
