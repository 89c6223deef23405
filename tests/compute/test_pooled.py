"""Pooled features: the stock backbone's states, whatever stands beside a text."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel

from lightune.compute import Encoder, pooled_features
from lightune.compute.pooled import pool
from tests.fixtures.bases import load
from tests.fixtures.models import KINDS, SENTENCES
from tests.fixtures.tiers import few

TEXTS = [SENTENCES[0], "film", "", SENTENCES[1] + SENTENCES[2], "so dull", SENTENCES[3]]


def read_again(stock: Any, row: torch.Tensor) -> dict[str, torch.Tensor]:
    """What T5's decoder reads; BART's finds it by itself."""
    return {"decoder_input_ids": stock._shift_right(row)} if stock.config.model_type == "t5" else {}


@pytest.mark.full
@pytest.mark.parametrize("pooling", ["last", "mean"])
@pytest.mark.parametrize("kind", few(KINDS))
def test_features_are_the_stock_backbones_of_each_text_alone(bases: dict[str, Path], kind: str, pooling: str) -> None:
    base = load(bases[kind])
    stock = AutoModel.from_pretrained(bases[kind]).eval()
    encoded = Encoder(base.tokenizer, 48, "head").encode(TEXTS)
    heard: list[int] = []
    got = pooled_features(base.model, encoded, base.tokenizer.pad_token_id, pooling, heard.append)
    assert got.dtype == np.float32
    assert got.shape == (len(TEXTS), 32)
    assert sum(heard) == len(TEXTS)
    with torch.no_grad():
        rows = [torch.from_numpy(ids.astype(np.int64))[None] for ids in encoded.ids]
        states = [stock(input_ids=row, **read_again(stock, row)).last_hidden_state[0] for row in rows]
    expected = torch.stack([state[-1] if pooling == "last" else state.mean(dim=0) for state in states])
    np.testing.assert_allclose(got, expected.numpy(), atol=1e-5)
    backbone = pooled_features(stock, encoded, base.tokenizer.pad_token_id, pooling)
    np.testing.assert_allclose(backbone, got, atol=1e-5)


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_a_text_has_the_same_features_alone_and_in_any_order(bases: dict[str, Path], pooling: str) -> None:
    base = load(bases["gpt2"])
    encoder = Encoder(base.tokenizer, 48, "head")
    together = pooled_features(base.model, encoder.encode(TEXTS), 0, pooling)
    turned = pooled_features(base.model, encoder.encode(TEXTS[::-1]), 0, pooling)
    np.testing.assert_allclose(turned[::-1], together, atol=1e-5)
    alone = [pooled_features(base.model, encoder.encode([text]), 0, pooling)[0] for text in TEXTS]
    np.testing.assert_allclose(np.stack(alone), together, atol=1e-5)


def test_a_token_that_is_the_padding_token_counts(bases: dict[str, Path]) -> None:
    base = load(bases["gpt2"])
    encoder = Encoder(base.tokenizer, 48, "head")
    assert encoder.encode([""]).ids[0].tolist() == [base.tokenizer.pad_token_id]
    blank, full = pooled_features(base.model, encoder.encode(["", SENTENCES[0]]), 0, "mean")
    assert np.abs(blank - full).max() > 0.1


def test_dropout_and_gradients_stay_out(bases: dict[str, Path]) -> None:
    base = load(bases["gpt2"])
    encoded = Encoder(base.tokenizer, 48, "head").encode(TEXTS)
    expected = pooled_features(base.model, encoded, 0, "last")
    base.model.train()
    assert np.array_equal(pooled_features(base.model, encoded, 0, "last"), expected)
    assert not base.model.training


def test_no_texts_have_no_features(bases: dict[str, Path]) -> None:
    base = load(bases["gpt2"])
    assert len(pooled_features(base.model, Encoder(base.tokenizer, 48, "head").encode([]), 0, "last")) == 0


def test_pooling_by_hand() -> None:
    states = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [90.0, 90.0]], [[1.0, 1.0], [2.0, 2.0], [6.0, 0.0]]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])
    assert pool(states, mask, "last").tolist() == [[3.0, 6.0], [6.0, 0.0]]
    assert pool(states, mask, "mean").tolist() == [[2.0, 4.0], [3.0, 1.0]]
