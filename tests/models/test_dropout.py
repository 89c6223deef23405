"""Dropout drawn in bulk is dropout: share, scale, gradient, and nothing where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from lightune.models import use_bulk_dropout
from lightune.models.dropout import BulkDropout, bulk_dropout, kept
from lightune.models.segments import Segments, causal_in_segments
from tests.fixtures.bases import answers, largest_difference, load, padded, token_rows


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_and_the_scale_are_dropouts(p: float) -> None:
    torch.manual_seed(0)
    count = 400_000
    found = bulk_dropout(torch.ones(4, count // 4), p)
    share = (found == 0).float().mean().item()
    # Four standard errors, and the step of sixteen bits.
    assert abs(share - p) < 4 * (p * (1 - p) / count) ** 0.5 + 2**-16
    assert torch.unique(found).tolist() == pytest.approx([0.0, 1 / (1 - p)])


def test_neighbours_are_independent() -> None:
    torch.manual_seed(1)
    keep = kept(torch.Size([400_000]), 0.5).float() - 0.5
    for step in (1, 2, 3, 4, 768):
        assert abs((keep[:-step] * keep[step:]).mean().item()) < 4 * 0.25 / 400_000**0.5


def test_the_gradient_is_that_of_what_was_kept() -> None:
    torch.manual_seed(0)
    states = torch.randn(30, 7, requires_grad=True)
    found = BulkDropout.apply(states, 0.3)
    found.backward(torch.ones_like(found))
    assert states.grad is not None
    assert torch.equal(states.grad != 0, found != 0)
    assert torch.allclose(found, states.detach() * states.grad)


def test_draws_follow_torchs_seed() -> None:
    states = torch.ones(1000)
    torch.manual_seed(5)
    one, two = bulk_dropout(states, 0.5), bulk_dropout(states, 0.5)
    torch.manual_seed(5)
    assert torch.equal(bulk_dropout(states, 0.5), one)
    assert not torch.equal(one, two)


def test_where_it_does_not_apply_torch_drops(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = nn.Dropout(0.5)
    use_bulk_dropout(layer)
    called: list[int] = []
    monkeypatch.setattr("lightune.models.dropout.kept", lambda *args: called.append(1))
    states = torch.ones(1000, dtype=torch.float64)
    assert 300 < (layer(states) == 0).sum() < 700
    layer.eval()
    assert torch.equal(layer(torch.ones(10)), torch.ones(10))
    layer.train()
    layer.p = 1.0
    assert torch.equal(layer(torch.ones(10)), torch.zeros(10))
    assert not called


def test_answers_have_no_dropout_and_training_has(bases: dict[str, Path]) -> None:
    model = load(bases["gpt2"]).model
    batch = padded(token_rows(5, 20), 0)
    before = answers(model, **batch)
    assert use_bulk_dropout(model) > 0
    assert torch.equal(answers(model, **batch), before)
    model.train()
    assert largest_difference(answers(model, **batch), before) > 1e-3


@pytest.mark.full
def test_attention_with_dropout_is_attention_on_average() -> None:
    torch.manual_seed(0)
    segments = Segments((5, 9))
    query, key, value = (torch.randn(1, 2, 14, 4) for _ in range(3))
    plain = causal_in_segments(query, key, value, segments, 0.0, None)
    assert largest_difference(causal_in_segments(query, key, value, segments, 1e-9, None), plain) < 1e-5
    many = torch.stack([causal_in_segments(query, key, value, segments, 0.2, None) for _ in range(2000)])
    error = many.std(dim=0) / 2000**0.5
    assert ((many.mean(dim=0) - plain).abs() < 5 * error + 1e-6).all()
