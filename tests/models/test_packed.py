"""Texts packed end to end get the answers and the gradients that they get alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from lightune.catalogue import METHODS, PROMPT
from lightune.compute import kept_bytes
from lightune.errors import LightuneError
from lightune.methods import attach
from lightune.models import SEGMENTS, Segments, can_pack
from lightune.models.causal import CausalInBlocks, can_attend_in_blocks
from lightune.models.segments import causal_in_segments, last_in_segments
from lightune.training.planning import compute_again
from tests.fixtures.bases import answers, largest_difference, load, padded, token_rows, wake_adapter, with_lora
from tests.fixtures.models import DECODERS, ENCODERS
from tests.fixtures.tiers import few

LENGTHS = (5, 20, 1, 33)
ROWS = token_rows(*LENGTHS)
# Device, type and tolerance of each way to attend that there is here. In half precision a GPU takes varlen attention.
BACK_ENDS = [("cpu", torch.float32, 1e-6)]
if torch.cuda.is_available():
    BACK_ENDS += [("cuda", torch.float32, 1e-5), ("cuda", torch.bfloat16, 1e-2)]


def packed(rows: list[Tensor] = ROWS) -> dict[str, Any]:
    return {"input_ids": torch.cat(rows)[None], SEGMENTS: Segments(tuple(len(row) for row in rows))}


def gradients(model: nn.Module, **inputs: Any) -> dict[str, Tensor]:
    model.zero_grad()
    model(**inputs).logits.square().sum().backward()
    return {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}


def test_segments_know_where_their_tokens_stand() -> None:
    segments = Segments((2, 1, 3))
    assert segments.tokens == 6
    assert segments.positions(torch.device("cpu")).tolist() == [[0, 1, 0, 0, 1, 2]]
    assert segments.last(torch.device("cpu")).tolist() == [1, 2, 5]


@pytest.mark.parametrize("shared", [1, 2], ids=["a key a head", "shared keys"])
@pytest.mark.parametrize(("device", "dtype", "tolerance"), BACK_ENDS)
def test_attention_in_segments_is_attention_of_each_text(
    device: str, dtype: torch.dtype, tolerance: float, shared: int
) -> None:
    torch.manual_seed(0)
    segments = Segments(LENGTHS)
    query = torch.randn(1, 4, segments.tokens, 8).to(dtype)
    key, value = (torch.randn(1, 4 // shared, segments.tokens, 8).to(dtype) for _ in range(2))
    there = [one.to(device) for one in (query, key, value)]
    found = causal_in_segments(*there, segments, 0.0, 0.3).float().cpu()
    assert found.shape == (1, segments.tokens, 4, 8)
    of_last = there[0][:, :, segments.last(torch.device(device))]
    last = last_in_segments(of_last, *there[1:], segments, 0.0, 0.3).float().cpu()
    start = 0
    for at, length in enumerate(LENGTHS):
        own = [one[:, :, start : start + length].float() for one in (query, key, value)]
        alone = scaled_dot_product_attention(*own, is_causal=True, scale=0.3, enable_gqa=True).transpose(1, 2)
        assert largest_difference(found[:, start : start + length], alone) < tolerance
        assert largest_difference(last[:, at], alone[:, -1]) < tolerance
        start += length


@pytest.mark.parametrize("lengths", [(5, 20, 1), (64, 65), (200, 130, 1), (513, 600)], ids=str)
@pytest.mark.parametrize("scale", [None, 0.3])
@pytest.mark.parametrize("layout", ["plain", "turned", "of a sum"])
def test_attention_in_blocks_and_its_gradients_are_the_whole_ones(
    lengths: tuple[int, ...], scale: float | None, layout: str
) -> None:
    torch.manual_seed(0)
    states = torch.randn(1, sum(lengths), 3 * 24, requires_grad=True)
    grad = {
        "plain": torch.randn(1, sum(lengths), 3, 8),
        "turned": torch.randn(1, 8, 3, sum(lengths)).transpose(1, 3),
        "of a sum": torch.tensor(1.0).expand(1, sum(lengths), 3, 8),
    }[layout]
    found = []
    for attend in (
        lambda *qkv: CausalInBlocks.apply(*qkv, lengths, scale),
        lambda *qkv: torch.cat(
            [
                scaled_dot_product_attention(*own, is_causal=True, scale=scale).transpose(1, 2)
                for own in zip(*(one.split(lengths, dim=2) for one in qkv), strict=True)
            ],
            dim=1,
        ),
    ):
        states.grad = None
        answer = attend(*(one.unflatten(-1, (3, 8)).transpose(1, 2) for one in states.split(24, dim=2)))
        answer.backward(grad)
        assert states.grad is not None
        found.append((answer.detach(), states.grad.clone()))
    for one, other in zip(*found, strict=True):
        assert largest_difference(one, other) < 1e-5 * max(1.0, other.abs().max().item())


def test_attention_in_blocks_is_for_float32_on_a_cpu_without_dropout() -> None:
    query = torch.randn(1, 2, 8, 8)
    assert can_attend_in_blocks(query, query, query, 0.0)
    assert not can_attend_in_blocks(query, query, query, 0.1)
    assert not can_attend_in_blocks(query, query, query.double(), 0.0)
    # torch's kernel would read it wrongly, and say nothing.
    assert not can_attend_in_blocks(query, query.transpose(2, 3), query, 0.0)
    with torch.autocast("cpu"):
        assert not can_attend_in_blocks(query, query, query, 0.0)


@pytest.mark.parametrize("kind", DECODERS)
@pytest.mark.parametrize(("device", "dtype", "tolerance"), BACK_ENDS)
def test_packed_texts_get_the_same_logits_on_each_device(
    bases: dict[str, Path], kind: str, device: str, dtype: torch.dtype, tolerance: float
) -> None:
    model = load(bases[kind]).model
    expected = answers(model, **padded(ROWS, 0))
    there = {name: value.to(device) if isinstance(value, Tensor) else value for name, value in packed().items()}
    with torch.autocast(device, dtype, enabled=dtype != torch.float32):
        found = answers(model.to(device), **there).float().cpu()
    assert largest_difference(found, expected) < 10 * tolerance * max(1.0, expected.abs().max().item())


@pytest.mark.parametrize("kind", DECODERS)
def test_packed_texts_get_the_logits_and_gradients_of_padded_ones(bases: dict[str, Path], kind: str) -> None:
    base = load(bases[kind])
    assert can_pack(base.model)
    assert largest_difference(answers(base.model, **packed()), answers(base.model, **padded(ROWS, 0))) < 1e-5
    one, other = gradients(base.model, **packed()), gradients(base.model, **padded(ROWS, 0))
    assert one.keys() == other.keys()
    largest = max(value.abs().max().item() for value in other.values())
    assert max(largest_difference(one[name], other[name]) for name in one) < 1e-5 * max(largest, 1.0)


@pytest.mark.parametrize("kind", DECODERS)
def test_what_fills_a_row_up_changes_nothing(bases: dict[str, Path], kind: str) -> None:
    base = load(bases[kind])
    row, segments = packed()["input_ids"], Segments(LENGTHS, filler=5)
    filled = {"input_ids": torch.cat([row, torch.full((1, 5), 7)], dim=1), SEGMENTS: segments}
    assert largest_difference(answers(base.model, **filled), answers(base.model, **packed())) < 1e-6
    one, other = gradients(base.model, **filled), gradients(base.model, **packed())
    largest = max(value.abs().max().item() for value in other.values())
    assert max(largest_difference(one[name], other[name]) for name in one) < 1e-5 * max(largest, 1.0)
    assert (segments.tokens, sum(segments.parts)) == (sum(LENGTHS), sum(LENGTHS) + 5)


@pytest.mark.parametrize("kind", DECODERS)
def test_another_text_in_the_row_changes_nothing(bases: dict[str, Path], kind: str) -> None:
    model = load(bases[kind]).model
    other = [ROWS[0], token_rows(17, seed=9)[0], *ROWS[2:]]
    one, two = answers(model, **packed()), answers(model, **packed(other))
    assert largest_difference(one[[0, 2, 3]], two[[0, 2, 3]]) < 1e-6
    assert largest_difference(one[1], two[1]) > 1e-3


@pytest.mark.parametrize("kind", few(ENCODERS, "bert"))
def test_an_encoder_is_not_packed(bases: dict[str, Path], kind: str) -> None:
    assert not can_pack(load(bases[kind]).model)


def test_a_model_that_slides_its_attention_is_not_packed(bases: dict[str, Path]) -> None:
    model = load(bases["qwen2"]).model
    model.config.layer_types = ["sliding_attention"] * model.config.num_hidden_layers
    assert not can_pack(model)


def test_a_block_of_another_class_is_not_packed(bases: dict[str, Path]) -> None:
    model: Any = load(bases["gpt2"]).model

    class Own(type(model.transformer.h[0])):  # type: ignore[misc]
        pass

    model.transformer.h[0].__class__ = Own
    assert not can_pack(model)


@pytest.mark.full
@pytest.mark.parametrize("kind", DECODERS)
def test_gradient_checkpointing_leaves_packed_gradients_as_they_are(bases: dict[str, Path], kind: str) -> None:
    base = load(bases[kind])
    model: Any = with_lora(base.model, base.head.modules)
    wake_adapter(model)
    model.train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        for name in ("attention_dropout",):
            if hasattr(module, name):
                setattr(module, name, 0.0)
    plain, whole = gradients(model, **packed()), kept_bytes(model, packed())
    compute_again(model)
    again = gradients(model, **packed())
    assert kept_bytes(model, packed()) < whole / 2
    assert plain.keys() == again.keys()
    assert max(largest_difference(plain[name], again[name]) for name in plain) < 1e-5


REPRESENTATIVES = ("lora", "dora", "ia3", "oft", "ln-tuning", "adalora", "vera")


# Lily's answers depend on the batch, packed or not.
PACKED = [name for name, one in METHODS.items() if one.targets != PROMPT and not one.quantised and name != "lily"]


@pytest.mark.parametrize("name", few(PACKED, *REPRESENTATIVES))
@pytest.mark.parametrize("kind", ["gpt2", pytest.param("llama", marks=pytest.mark.full)])
def test_every_method_that_is_packed_answers_as_it_does_padded(bases: dict[str, Path], kind: str, name: str) -> None:
    base = load(bases[kind])
    try:
        model = attach(base.model, base.head.modules, METHODS[name], seed=1)
    except LightuneError:
        assert name not in REPRESENTATIVES
        return  # `lightune methods` says why
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad and parameter.is_floating_point():
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    model.eval()
    if not can_pack(model):
        pytest.fail(f"{name} is not packed on {kind}") if name in REPRESENTATIVES else None
        return
    one, two = answers(model, **packed()), answers(model, **padded(ROWS, 0))
    assert largest_difference(one, two) < 1e-5 * max(1.0, two.abs().max().item())


@pytest.mark.parametrize("name", ["prompt-tuning", "prefix-tuning", "adaption-prompt"])
def test_virtual_tokens_are_not_packed(bases: dict[str, Path], name: str) -> None:
    base = load(bases["llama"])
    assert not can_pack(attach(base.model, base.head.modules, METHODS[name], seed=1))
