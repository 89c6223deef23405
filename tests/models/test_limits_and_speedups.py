"""How long a text may be; and changes that make a model faster and leave its answers."""

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from lightune.errors import ConfigError
from lightune.models import drop_frozen_dropout, resolve_max_length
from lightune.models.pooling import pool_by_mask
from lightune.models.speedups import fuse_gelu
from tests.fixtures.bases import answers, largest_difference, load, padded, token_rows
from tests.fixtures.models import KINDS, tiny_config, tokenizer_for
from tests.fixtures.tiers import few

BATCH = padded(token_rows(5, 20), 0)
# The others turn their positions, or take them relative to each other, and have no table of them.
TABLES = ("gpt2", "bert", "distilbert", "roberta", "bart")


class Endless:
    """A tokenizer that knows no limit, as many on the hub."""

    model_max_length = int(1e30)


@pytest.mark.parametrize(
    ("kind", "changes", "asked", "length"),
    [
        ("gpt2", {}, None, 64),
        ("gpt2", {"n_positions": 1024}, None, 512),
        ("gpt2", {"n_positions": 1024}, 1024, 1024),
        ("gpt2", {}, 10, 10),
        ("bert", {"max_position_embeddings": 512}, None, 512),
        ("llama", {"max_position_embeddings": 4096}, None, 512),
        # RoBERTa's table has the padding id's rows and one more that no text can use.
        ("roberta", {"max_position_embeddings": 514, "pad_token_id": 1}, None, 512),
        ("roberta", {"max_position_embeddings": 130, "pad_token_id": 1}, None, 128),
        ("roberta", {"max_position_embeddings": 130, "pad_token_id": 0}, None, 129),
        # BART's table is two longer than it says.
        ("bart", {"max_position_embeddings": 130}, None, 130),
        ("modernbert", {"max_position_embeddings": 8192}, 8192, 8192),
        ("qwen2", {"max_position_embeddings": 32768}, None, 512),
        ("deberta-v2", {"max_position_embeddings": 256}, None, 256),
        ("t5", {}, None, 512),
        ("t5", {}, 4096, 4096),
    ],
)
def test_the_cut_is_what_was_asked_for_else_the_models_limit(
    kind: str, changes: dict[str, int], asked: int | None, length: int
) -> None:
    config = tiny_config(kind)
    for name, value in changes.items():
        setattr(config, name, value)
    assert resolve_max_length(asked, config, Endless()) == length


def test_the_tokenizers_limit_counts_too() -> None:
    config = tiny_config("gpt2")
    config.n_positions = 1024
    assert resolve_max_length(None, config, tokenizer_for("gpt2")) == 64
    with pytest.raises(ConfigError, match="at most 64"):
        resolve_max_length(65, config, tokenizer_for("gpt2"))


@pytest.mark.parametrize("kind", few(KINDS))
def test_the_limit_is_one_the_model_can_take_and_one_more_is_refused(bases: dict[str, Path], kind: str) -> None:
    base = load(bases[kind])
    if kind == "t5":  # Its positions are relative, and nothing in its configuration bounds a text.
        assert resolve_max_length(10_000, base.source.config, Endless()) == 10_000
        return
    limit = resolve_max_length(None, base.source.config, Endless())
    assert answers(base.model, **padded(token_rows(limit), 0)).isfinite().all()
    with pytest.raises(ConfigError, match=rf"--max-length: at most {limit} tokens.*got {limit + 1}"):
        resolve_max_length(limit + 1, base.source.config, Endless())
    if kind in TABLES:
        with pytest.raises((IndexError, RuntimeError)):
            answers(base.model, **padded(token_rows(limit + 1), 0))


def test_the_fused_gelu_is_gelu_new(bases: dict[str, Path]) -> None:
    stock = AutoModelForSequenceClassification.from_pretrained(bases["gpt2"], num_labels=2).eval()
    stock.config.pad_token_id = 0
    names, labels = list(stock.state_dict()), torch.tensor([0, 1])
    stock(**BATCH, labels=labels).loss.backward()
    logits = answers(stock, **BATCH)
    slopes = {name: value.grad.clone() for name, value in stock.named_parameters()}
    stock.zero_grad()
    assert fuse_gelu(stock) == 2
    assert fuse_gelu(stock) == 0
    assert isinstance(stock.transformer.h[0].mlp.act, nn.GELU)
    assert list(stock.state_dict()) == names
    assert largest_difference(answers(stock, **BATCH), logits) < 1e-5
    stock(**BATCH, labels=labels).loss.backward()
    for name, value in stock.named_parameters():
        assert largest_difference(value.grad, slopes[name]) < 1e-5, name


def test_a_loaded_gpt2_has_the_fused_gelu(bases: dict[str, Path]) -> None:
    model = load(bases["gpt2"]).model
    assert [type(block.mlp.act) for block in model.transformer.h] == [nn.GELU, nn.GELU]
    assert model.config.activation_function == "gelu_new"


def dropping(kind: str) -> PreTrainedModel:
    """A classifier with every dropout of its configuration at 0.3."""
    config = tiny_config(kind)
    for name, value in vars(config).items():
        if "drop" in name and isinstance(value, int | float):
            setattr(config, name, 0.3)
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(config)
    model.config.pad_token_id = 0
    return model


@pytest.mark.parametrize("kind", few(KINDS))
def test_without_frozen_dropout_training_mode_answers_as_evaluation_does(kind: str) -> None:
    model = pool_by_mask(dropping(kind)).eval()
    expected = answers(model, **BATCH)
    model.train()
    assert largest_difference(answers(model, **BATCH), expected) > 1e-4
    drop_frozen_dropout(model)
    for _ in range(4):  # a whole layer may be dropped, now and then
        assert largest_difference(answers(model, **BATCH), expected) < 1e-6
