"""Several heads on one backbone answer as each would on its own."""

from pathlib import Path

import pytest
import torch

from lightune.arms.heads import ManyHeads
from lightune.models import draw_head
from tests.fixtures.bases import answers, largest_difference, load, padded, token_rows
from tests.fixtures.models import ENCODER_DECODERS, KINDS
from tests.fixtures.tiers import few

SEEDS = (3, 4, 9)
BATCH = padded(token_rows(4, 9, 6), 0)


@pytest.mark.full
@pytest.mark.parametrize("kind", few(KINDS))
def test_each_head_answers_as_it_does_alone(bases: dict[str, Path], kind: str) -> None:
    base = load(bases[kind])
    together = answers(ManyHeads(base.model, base.head.drawn, SEEDS).eval(), **BATCH)
    assert together.shape == (3, len(SEEDS), 2)
    for at, seed in enumerate(SEEDS):
        alone = answers(load(bases[kind], seed=seed).model, **BATCH)
        assert largest_difference(together[:, at], alone) < 1e-6, seed
    assert largest_difference(together[:, 0], together[:, 1]) > 1e-3


@pytest.mark.parametrize("kind", few(KINDS))
def test_the_layers_are_computed_once_a_batch(bases: dict[str, Path], kind: str) -> None:
    base = load(bases[kind])
    calls: list[str] = []
    # An encoder-decoder looks its words up by its encoder and by its decoder.
    stack = base.model.base_model.encoder if kind in ENCODER_DECODERS else base.model
    stack.get_input_embeddings().register_forward_hook(lambda *_: calls.append("forward"))
    many = ManyHeads(base.model, base.head.drawn, SEEDS).eval()
    answers(many, **BATCH)
    assert calls == ["forward"]
    answers(many, **BATCH)
    assert len(calls) == 2


@pytest.mark.parametrize("kind", few(KINDS))
def test_the_model_is_left_with_the_first_seeds_head_and_its_own_forward(bases: dict[str, Path], kind: str) -> None:
    base = load(bases[kind], seed=77)
    many = ManyHeads(base.model, base.head.drawn, SEEDS).eval()
    first = answers(many, **BATCH)[:, 0]
    assert torch.equal(answers(base.model, **BATCH), first)
    draw_head(base.model, base.head.drawn, SEEDS[0])
    assert torch.equal(answers(base.model, **BATCH), first)


def test_a_second_batch_gets_answers_of_its_own(bases: dict[str, Path]) -> None:
    base = load(bases["gpt2"])
    many = ManyHeads(base.model, base.head.drawn, SEEDS).eval()
    answers(many, **BATCH)
    other = padded(token_rows(8, seed=5), 0)
    assert largest_difference(answers(many, **other)[:, 0], answers(base.model, **other)) < 1e-6


def test_the_loss_is_the_first_heads(bases: dict[str, Path]) -> None:
    base = load(bases["gpt2"])
    labels = torch.tensor([0, 1, 1])
    many = ManyHeads(base.model, base.head.drawn, SEEDS).eval()
    with torch.no_grad():
        expected = torch.nn.functional.cross_entropy(answers(many, **BATCH)[:, 0], labels)
        assert many(**BATCH, labels=labels).loss.item() == pytest.approx(expected.item())
