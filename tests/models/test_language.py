"""A checkpoint as a language model: which ones are, and what is loaded."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    BertConfig,
    GPT2Config,
    LlamaConfig,
    PreTrainedConfig,
    T5Config,
    XLNetConfig,
)
from transformers.activations import NewGELUActivation

from lightune.errors import ModelError
from lightune.models import find_model, load_language_model, why_no_language_head
from tests.fixtures.bases import answers, largest_difference, padded, token_rows
from tests.fixtures.models import save_classifier, tiny_config, tokenizer_for

BATCH = padded(token_rows(4, 9), 0)


@pytest.mark.parametrize(
    "config",
    [
        GPT2Config(architectures=["GPT2LMHeadModel"]),
        LlamaConfig(architectures=["LlamaForCausalLM"]),
        GPT2Config(),
        LlamaConfig(),
        BertConfig(architectures=["BertLMHeadModel"], is_decoder=True),
    ],
)
def test_a_causal_language_model_has_a_head(config: PreTrainedConfig) -> None:
    assert why_no_language_head(config) is None


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (
            BertConfig(architectures=["BertForSequenceClassification"]),
            "BertForSequenceClassification, which has none",
        ),
        (
            GPT2Config(architectures=["GPT2ForSequenceClassification"]),
            "GPT2ForSequenceClassification, which has none",
        ),
        (BertConfig(architectures=["BertForMaskedLM"]), "a BertForMaskedLM, which has none"),
        (GPT2Config(architectures=["GPT2Model"]), "a GPT2Model, which has none"),
        (BertConfig(architectures=["BertLMHeadModel"]), "a BertLMHeadModel, which does not read from left to right"),
        (BertConfig(), "of type 'bert', which does not read from left to right"),
        (T5Config(), "of type 't5', which does not read from left to right"),
        (XLNetConfig(architectures=["XLNetLMHeadModel"]), "XLNetLMHeadModel, which does not read from left to right"),
    ],
)
def test_another_checkpoint_is_told_why_not(config: PreTrainedConfig, reason: str) -> None:
    told = why_no_language_head(config)
    assert told is not None
    assert told.startswith("zero-shot needs a language model's head")
    assert reason in told


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_it_answers_as_the_stock_model_does(bases: dict[str, Path], kind: str) -> None:
    language = load_language_model(find_model(str(bases[kind])))
    stock = AutoModelForCausalLM.from_pretrained(bases[kind]).eval()
    assert largest_difference(answers(language.model, **BATCH), answers(stock, **BATCH)) < 1e-5
    assert not language.model.training
    assert language.model.config.pad_token_id == language.tokenizer.pad_token_id == 0
    assert not any(isinstance(module, NewGELUActivation) for module in language.model.modules())


def test_half_precision_weights_are_computed_in_float32(bases: dict[str, Path], tmp_path: Path) -> None:
    stock = AutoModelForCausalLM.from_pretrained(bases["gpt2"]).half()
    stock.save_pretrained(tmp_path)
    tokenizer_for("gpt2").save_pretrained(tmp_path)
    language = load_language_model(find_model(str(tmp_path)))
    assert {parameter.dtype for parameter in language.model.parameters()} == {torch.float32}


def test_a_folder_without_weights_gets_the_same_ones_every_time(tmp_path: Path) -> None:
    tiny_config("gpt2").save_pretrained(tmp_path)
    tokenizer_for("gpt2").save_pretrained(tmp_path)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one = load_language_model(find_model(str(tmp_path)))
    assert torch.equal(torch.rand(1), expected)  # the global generator is left as it was
    other = load_language_model(find_model(str(tmp_path)))
    assert torch.equal(answers(one.model, **BATCH), answers(other.model, **BATCH))


def test_a_classifiers_checkpoint_is_refused(tmp_path: Path) -> None:
    folder = save_classifier(tmp_path, ("bad", "good"))
    with pytest.raises(ModelError, match="needs a language model's head; this checkpoint is a GPT2ForSequenceClass"):
        load_language_model(find_model(str(folder)))


@pytest.mark.parametrize("gone", ["transformer.h.1.attn.c_attn.weight", "transformer.ln_f.weight"])
def test_a_checkpoint_that_lacks_weights_is_refused(bases: dict[str, Path], tmp_path: Path, gone: str) -> None:
    folder = shutil.copytree(bases["gpt2"], tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    del weights[gone]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=f"{gone} is missing"):
        load_language_model(find_model(str(folder)))


def test_a_head_of_its_own_that_is_missing_is_refused(bases: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(bases["llama"], tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lm_head\.weight is missing"):
        load_language_model(find_model(str(folder)))


def test_weights_of_another_shape_and_torn_files_are_refused(bases: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(bases["gpt2"], tmp_path / "other")
    config = folder / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "n_inner": 48}))
    with pytest.raises(ModelError, match="has another shape"):
        load_language_model(find_model(str(folder)))
    torn = shutil.copytree(bases["gpt2"], tmp_path / "torn")
    path = torn / "model.safetensors"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ModelError, match="cannot be read"):
        load_language_model(find_model(str(torn)))
