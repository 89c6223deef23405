"""Forward passes in the order of the rows, and probabilities that can be trusted."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lightune.arms.heads import ManyHeads
from lightune.compute import Encoder, logits_of, softmax
from tests.fixtures.bases import answers, load
from tests.fixtures.models import KINDS, SENTENCES
from tests.fixtures.tiers import few

TEXTS = [SENTENCES[0], "film", "", SENTENCES[1] + SENTENCES[2], "so dull", SENTENCES[3]]


@pytest.mark.parametrize("kind", few(KINDS))
def test_logits_come_in_the_order_of_the_texts_and_equal_each_texts_own(bases: dict[str, Path], kind: str) -> None:
    base = load(bases[kind])
    encoded = Encoder(base.tokenizer, 48, "head").encode(TEXTS)
    pad = base.tokenizer.pad_token_id
    alone = [answers(base.model, input_ids=torch.from_numpy(ids.astype(np.int64))[None])[0] for ids in encoded.ids]
    got = logits_of(base.model, encoded, pad)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, torch.stack(alone).numpy(), atol=1e-5)
    assert len(np.unique(got[:, 0].round(4))) == len(TEXTS)


def test_logits_of_several_heads_keep_their_axes(bases: dict[str, Path]) -> None:
    base = load(bases["gpt2"])
    encoded = Encoder(base.tokenizer, 48, "head").encode(TEXTS)
    many = logits_of(ManyHeads(base.model, base.head.drawn, (0, 1, 2)), encoded, 0)
    assert many.shape == (len(TEXTS), 3, 2)
    np.testing.assert_allclose(many[:, 0], logits_of(base.model, encoded, 0), atol=1e-6)


def test_a_model_in_training_mode_is_measured_without_dropout_and_gradients(bases: dict[str, Path]) -> None:
    base = load(bases["gpt2"])
    encoded = Encoder(base.tokenizer, 48, "head").encode(TEXTS)
    expected = logits_of(base.model, encoded, 0)
    base.model.train()
    assert np.array_equal(logits_of(base.model, encoded, 0), expected)
    assert not base.model.training
    assert all(parameter.grad is None for parameter in base.model.parameters())


def test_progress_hears_of_every_row(bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    base = load(bases["gpt2"])
    encoded = Encoder(base.tokenizer, 48, "head").encode(TEXTS)
    heard: list[int] = []
    monkeypatch.setattr("lightune.compute.batching.INFERENCE_TOKENS", 60)
    logits_of(base.model, encoded, 0, heard.append)
    assert sum(heard) == len(TEXTS)
    assert len(heard) > 1


def test_no_texts_get_no_logits(bases: dict[str, Path]) -> None:
    base = load(bases["gpt2"])
    assert len(logits_of(base.model, Encoder(base.tokenizer, 48, "head").encode([]), 0)) == 0


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(2, 5)), elements=st.floats(-1e6, 1e6)))
def test_probabilities_sum_to_one_and_keep_the_order(logits: np.ndarray) -> None:
    probabilities = softmax(logits)
    assert np.isfinite(probabilities).all()
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1.0, atol=1e-12)
    np.testing.assert_array_equal(probabilities.max(axis=-1), probabilities[range(len(logits)), logits.argmax(axis=-1)])
    np.testing.assert_allclose(softmax(logits + 3.0), probabilities, atol=1e-9)


@pytest.mark.parametrize(
    ("logits", "probabilities"),
    [
        ([[0.0, 0.0]], [[0.5, 0.5]]),
        ([[0.0, np.log(3.0)]], [[0.25, 0.75]]),
        ([[1000.0, 0.0]], [[1.0, 0.0]]),
        ([[1e308, 1e308]], [[0.5, 0.5]]),
        ([[[0.0, 0.0], [-1e5, 1e5]]], [[[0.5, 0.5], [0.0, 1.0]]]),
    ],
)
def test_logits_become_these_probabilities(logits: list[object], probabilities: list[object]) -> None:
    np.testing.assert_allclose(softmax(np.asarray(logits)), np.asarray(probabilities))
