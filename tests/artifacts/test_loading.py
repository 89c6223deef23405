"""What lies on disk and can be trusted: lightune's own, and what stock peft and transformers made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from lightune.artifacts import is_artifact, load_artifact, read_manifest
from lightune.compute import logits_of
from lightune.errors import InputError, ModelError
from lightune.models import quiet_transformers
from tests.artifacts.helpers import TEXTS, adapted, save_adapted
from tests.fixtures.models import KINDS, byte_tokenizer, save_classifier, save_language_model
from tests.fixtures.tiers import few

NAMES = ("bad", "middling", "good")


def _logits(artifact, texts=TEXTS):
    return artifact.scorer.score(texts).logits


def _stock_logits(model, texts):
    """One text at a time, no padding, by transformers' own forward pass."""
    tokenizer = byte_tokenizer()
    with torch.inference_mode():
        return np.stack([model(**tokenizer(text, return_tensors="pt")).logits[0].numpy() for text in texts])


@pytest.fixture(scope="module")
def own(tiny_gpt2, tmp_path_factory):
    folder = tmp_path_factory.mktemp("own") / "lora"
    return folder, save_adapted(folder, tiny_gpt2, NAMES, truncate="tail", max_length=16)


@pytest.fixture
def copy(own, tmp_path) -> Path:
    return Path(shutil.copytree(own[0], tmp_path / "lora"))


# -------------------------------------------------------------------------------------------------- lightune's own


def test_an_artefact_answers_as_the_model_in_memory_did(own):
    folder, model = own
    artifact = load_artifact(folder)
    assert artifact.verified
    assert artifact.label_names == NAMES
    assert (artifact.scorer.encoder.max_length, artifact.scorer.encoder.truncate) == (16, "tail")
    in_memory = logits_of(model, artifact.scorer.encoder.encode(TEXTS), artifact.scorer.encoder.tokenizer.pad_token_id)
    np.testing.assert_allclose(_logits(artifact), in_memory, atol=1e-5)


@pytest.mark.full
def test_the_adapter_does_something(own, tiny_gpt2):
    base, _ = adapted(tiny_gpt2, NAMES, seed=1)
    other = logits_of(base.model, load_artifact(own[0]).scorer.encoder.encode(TEXTS), 0)
    assert np.abs(_logits(load_artifact(own[0])) - other).max() > 1e-3


@pytest.mark.full
def test_the_saved_adapter_loads_in_stock_peft_and_answers_the_same(tiny_gpt2, tmp_path):
    save_adapted(tmp_path / "lora", tiny_gpt2, NAMES)
    with quiet_transformers():
        stock = peft.AutoPeftModelForSequenceClassification.from_pretrained(
            str(tmp_path / "lora"), num_labels=3, pad_token_id=0
        ).eval()
    texts = [text for text in TEXTS if text]
    np.testing.assert_allclose(_stock_logits(stock, texts), _logits(load_artifact(tmp_path / "lora"), texts), atol=1e-5)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "lora")
    assert tokenizer("<|endoftext|>")["input_ids"] != [tokenizer.eos_token_id]
    assert tokenizer.pad_token_id is not None


def test_the_saved_adapter_names_a_base_that_loads_here(own, tiny_gpt2):
    named = json.loads((own[0] / "adapter_config.json").read_text())["base_model_name_or_path"]
    assert Path(named) == tiny_gpt2.resolve()
    assert read_manifest(own[0]).base.location == named


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", "null", "{}", '{"format": 1}', '{"format": 2, "kind": "adapter"}', "\x00\x01"]
)
def test_a_damaged_manifest_is_the_user_s_to_know_of(copy, text):
    (copy / "lightune.json").write_text(text)
    with pytest.raises(ModelError, match=r"lightune\.json"):
        load_artifact(copy)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"format": 2}, "format 2"), ({"kind": "merged"}, "merged"), ({"label_names": 3}, "label_names")],
)
def test_a_manifest_of_another_version_or_kind_is_refused(copy, change, said):
    values = json.loads((copy / "lightune.json").read_text())
    (copy / "lightune.json").write_text(json.dumps({**values, **change}))
    with pytest.raises(ModelError, match=said):
        load_artifact(copy)


@pytest.mark.full
def test_a_base_whose_weights_changed_is_refused(tmp_path):
    model = save_language_model(tmp_path / "model")
    save_adapted(tmp_path / "lora", model, NAMES)
    load_artifact(tmp_path / "lora")
    save_language_model(model, seed=1)
    with pytest.raises(ModelError, match="weights there now are others"):
        load_artifact(tmp_path / "lora")


def test_a_base_that_is_gone_is_named(tmp_path):
    model = save_language_model(tmp_path / "model")
    save_adapted(tmp_path / "lora", model, NAMES)
    shutil.rmtree(model)
    with pytest.raises(ModelError, match=str(model)):
        load_artifact(tmp_path / "lora")


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    """Copies, so that the file can be written while they live."""
    return {name: tensor.clone() for name, tensor in load_file(path).items()}


def _drop_a_tensor(path: Path) -> None:
    tensors = _tensors(path)
    tensors.pop(next(name for name in tensors if "lora_A" in name))
    save_file(tensors, path, metadata={"format": "pt"})


def _other_shapes(path: Path) -> None:
    tensors = _tensors(path)
    save_file({name: tensor[:1].contiguous() for name, tensor in tensors.items()}, path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    "damage",
    [Path.unlink, _drop_a_tensor, _other_shapes, lambda path: path.write_bytes(path.read_bytes()[:99])],
    ids=["gone", "a tensor gone", "other shapes", "cut off"],
)
def test_damaged_adapter_weights_are_refused(copy, damage):
    damage(copy / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="adapter"):
        load_artifact(copy)


def test_a_folder_with_nothing_in_it_is_no_artefact(tmp_path):
    assert not is_artifact(tmp_path)
    with pytest.raises(ModelError, match="none is there"):
        load_artifact(tmp_path)


# -------------------------------------------------------------------------------------------- what others have made


@pytest.fixture
def stock_adapter(tiny_gpt2, tmp_path):
    """An adapter with a head for three labels, made and saved by peft alone."""
    with quiet_transformers():
        base = AutoModelForSequenceClassification.from_pretrained(str(tiny_gpt2), num_labels=3, pad_token_id=0)
    config = peft.LoraConfig(task_type="SEQ_CLS", r=4, target_modules=["c_attn"], fan_in_fan_out=True)
    torch.manual_seed(3)
    model = peft.get_peft_model(base, config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.2)
    model.save_pretrained(str(tmp_path / "stock"))
    return tmp_path / "stock", model.eval()


def test_an_adapter_that_stock_peft_made_loads_unverified_and_answers_the_same(stock_adapter):
    folder, model = stock_adapter
    assert is_artifact(folder)
    artifact = load_artifact(folder)
    assert not artifact.verified
    assert artifact.manifest is None
    assert artifact.label_names == ("LABEL_0", "LABEL_1", "LABEL_2")
    texts = [text for text in TEXTS if text]
    np.testing.assert_allclose(_logits(artifact, texts), _stock_logits(model, texts), atol=1e-5)


@pytest.mark.full
@pytest.mark.parametrize(
    ("kind", "target"), [("roberta", "query"), ("distilbert", "q_lin"), ("bart", "q_proj"), ("t5", "q")]
)
def test_a_stock_adapters_labels_may_be_more_than_its_base_is_wide(tmp_path, kind, target):
    base, folder = save_language_model(tmp_path / "base", kind), tmp_path / "stock"
    with quiet_transformers():
        model = AutoModelForSequenceClassification.from_pretrained(str(base), num_labels=40)
    head = [name for name, _ in model.named_children() if "class" in name]
    config = peft.LoraConfig(task_type="SEQ_CLS", target_modules=[target], modules_to_save=head)
    peft.get_peft_model(model, config).save_pretrained(str(folder))
    artifact = load_artifact(folder)
    assert len(artifact.label_names) == 40
    assert _logits(artifact).shape == (len(TEXTS), 40)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"task_type": "CAUSAL_LM"}, "CAUSAL_LM"),
        ({"base_model_name_or_path": "/nowhere/at/all"}, "/nowhere/at/all"),
        ({"peft_type": "NO_SUCH"}, "adapter_config"),
    ],
)
def test_a_stock_adapter_that_cannot_be_used_is_refused_with_the_reason(stock_adapter, change, said):
    path = stock_adapter[0] / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=said):
        load_artifact(stock_adapter[0])


def test_a_stock_adapter_without_a_head_is_refused(stock_adapter):
    path = stock_adapter[0] / "adapter_model.safetensors"
    tensors = {name: tensor for name, tensor in _tensors(path).items() if "lora_" in name}
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="no classification head"):
        load_artifact(stock_adapter[0])


@pytest.mark.full
@pytest.mark.parametrize("kind", few(KINDS))
def test_a_classifier_that_stock_transformers_made_agrees_with_its_pipeline(tmp_path, kind):
    folder = save_classifier(tmp_path / "stock", NAMES, kind, seed=2)
    artifact = load_artifact(folder)
    assert not artifact.verified
    assert artifact.label_names == NAMES
    texts = [text for text in TEXTS if text]
    with quiet_transformers():
        stock = pipeline("text-classification", model=str(folder), device="cpu", top_k=None)
    for text, logits in zip(texts, _logits(artifact, texts), strict=True):
        odds = np.exp(logits - logits.max())
        ours = dict(zip(NAMES, odds / odds.sum(), strict=True))
        (entries,) = stock([text])
        theirs = {entry["label"]: entry["score"] for entry in entries}
        assert theirs == pytest.approx(ours, abs=1e-5)


def test_a_language_model_is_no_classifier(tiny_gpt2):
    with pytest.raises(ModelError, match="GPT2LMHeadModel"):
        load_artifact(tiny_gpt2)
