"""Texts end to end in one row without padding, and attention that keeps each text to itself."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from lightune.models.causal import CausalInBlocks, can_attend_in_blocks
from lightune.models.dropout import bulk_dropout

# The name under which transformers' models find the attention below.
ATTENTION = "sdpa_in_segments"
# By this argument a forward pass is told that its one row is packed.
SEGMENTS = "segments"
# What torch's varlen attention computes in.
HALF = (torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Segments:
    """The texts of a packed row. lengths: tokens of each text, at least one, in their order in the row. filler: tokens
    behind them that belong to no text and that nobody sees."""

    lengths: tuple[int, ...]
    filler: int = 0

    @property
    def tokens(self) -> int:
        """Tokens of the texts."""
        return sum(self.lengths)

    @property
    def parts(self) -> tuple[int, ...]:
        """Tokens of each text, and of the filler where there is one: the whole row."""
        return (*self.lengths, self.filler) if self.filler else self.lengths

    def positions(self, device: torch.device) -> Tensor:
        """Each token's place in its own text, int64 [1, tokens of the row]."""
        places = [torch.arange(length) for length in self.lengths] + [torch.zeros(self.filler, dtype=torch.int64)]
        return torch.cat(places)[None].to(device, non_blocking=True)

    def last(self, device: torch.device) -> Tensor:
        """Where each text's last token stands in the row, int64 [texts]."""
        return (torch.tensor(list(accumulate(self.lengths))) - 1).to(device, non_blocking=True)


def register_attention() -> None:
    """Let transformers know `ATTENTION`: its own scaled dot product attention, and segment by segment when a call
    brings `segments`. Registering it again changes nothing."""
    AttentionInterface.register(ATTENTION, attend)
    AttentionMaskInterface.register(ATTENTION, sdpa_mask)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    segments: Segments | None = None,
    **kwargs: Any,
) -> tuple[Tensor, Tensor | None]:
    """The attention of one layer as transformers calls it: query, key, value [rows, heads, tokens, width] to
    [rows, tokens, heads, width]."""
    if segments is None:
        found: tuple[Tensor, Tensor | None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
        return found
    return causal_in_segments(query, key, value, segments, dropout, scaling), None


def causal_in_segments(
    query: Tensor, key: Tensor, value: Tensor, segments: Segments, dropout: float, scaling: float | None
) -> Tensor:
    """Causal attention within each text of a packed row.

    query: [1, heads, tokens, width]; key, value: the same, or with fewer heads, each shared by several of the query's.
    Returns [1, tokens, heads, width]. Three back ends: torch's varlen attention on CUDA in half precision, one call for
    all texts; `CausalInBlocks` for float32 on a CPU; else each text by itself, which is what the others are tested
    against.
    """
    query, key, value = _in_autocasts_type(query, key, value)
    if _has_varlen(query, dropout):
        return _varlen(query, key, value, segments.parts, segments.parts, (-1, 0), scaling)
    key, value = _for_each_head(query, key, value)
    if can_attend_in_blocks(query, key, value, dropout):
        return CausalInBlocks.apply(query, key, value, segments.parts, scaling)  # type: ignore[no-any-return]
    parts = (tensor.split(segments.parts, dim=2) for tensor in (query, key, value))
    if dropout > 0.0:
        answers = [_causal_with_dropout(q, k, v, dropout, scaling) for q, k, v in zip(*parts, strict=True)]
    else:
        answers = [
            scaled_dot_product_attention(q, k, v, is_causal=True, scale=scaling).transpose(1, 2)
            for q, k, v in zip(*parts, strict=True)
        ]
    return torch.cat(answers, dim=1)


def last_in_segments(
    query: Tensor, key: Tensor, value: Tensor, segments: Segments, dropout: float, scaling: float | None
) -> Tensor:
    """Attention of each text's last token to its whole text.

    query: [1, heads, texts, width], that of the last tokens; key, value: [1, heads, tokens, width]. Returns
    [1, texts, heads, width].
    """
    query, key, value = _in_autocasts_type(query, key, value)
    key, value = (one[:, :, : segments.tokens] for one in (key, value))
    if _has_varlen(query, dropout):
        return _varlen(query, key, value, (1,) * len(segments.lengths), segments.lengths, (-1, -1), scaling)
    key, value = _for_each_head(query, key, value)
    parts = zip(query.split(1, dim=2), *(one.split(segments.lengths, dim=2) for one in (key, value)), strict=True)
    answers = [
        scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scaling).transpose(1, 2) for q, k, v in parts
    ]
    return torch.cat(answers, dim=1)


def _causal_with_dropout(query: Tensor, key: Tensor, value: Tensor, dropout: float, scaling: float | None) -> Tensor:
    """Causal attention of one text with dropout on its weights: [1, heads, tokens, width] to [1, tokens, heads, width].

    torch's own does the same in more passes, since its fused path knows no dropout on a CPU.
    """
    length = query.shape[2]
    scale = query.shape[3] ** -0.5 if scaling is None else scaling
    unseen = torch.full((length, length), float("-inf"), dtype=query.dtype, device=query.device).triu(1)
    scores = torch.baddbmm(unseen.expand(query.shape[1], -1, -1), query[0], key[0].transpose(1, 2), alpha=scale)
    weights = bulk_dropout(scores.softmax(dim=-1), dropout)
    return torch.bmm(weights, value[0]).transpose(0, 1)[None]


def _in_autocasts_type(*states: Tensor) -> tuple[Tensor, ...]:
    """States in the type that autocast on a GPU computes attention in: rotary positions leave them in float32."""
    if states[0].is_cuda and torch.is_autocast_enabled("cuda"):
        return tuple(one.to(torch.get_autocast_dtype("cuda")) for one in states)
    return states


def _has_varlen(query: Tensor, dropout: float) -> bool:
    if not query.is_cuda or query.dtype not in HALF or dropout > 0.0:
        return False
    # Flash attention's own bounds: an Ampere GPU or a later one, and heads of such widths.
    if torch.cuda.get_device_capability(query.device) < (8, 0) or query.shape[3] % 8 or query.shape[3] > 256:
        return False
    from torch.nn.attention import varlen

    return "window_size" in inspect.signature(varlen.varlen_attn).parameters  # not so before torch 2.11


def _varlen(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    queries: tuple[int, ...],
    keys: tuple[int, ...],
    window: tuple[int, int],
    scaling: float | None,
) -> Tensor:
    """torch.nn.attention.varlen, whose rows have no batch dimension. queries, keys: how many of each text; window: how
    many tokens to the left and right are seen, -1 for all."""
    from torch.nn.attention.varlen import varlen_attn

    found = varlen_attn(
        query[0].transpose(0, 1),
        key[0].transpose(0, 1),
        value[0].transpose(0, 1),
        _bounds(queries, query.device),
        _bounds(keys, query.device),
        max(queries),
        max(keys),
        scale=scaling,
        window_size=window,
        enable_gqa=key.shape[1] != query.shape[1],
    )
    assert isinstance(found, Tensor)
    return found[None]


def _bounds(lengths: tuple[int, ...], device: torch.device) -> Tensor:
    """Where each text begins, and the end, int32 [texts + 1]."""
    return torch.tensor([0, *accumulate(lengths)], dtype=torch.int32).to(device, non_blocking=True)


def _for_each_head(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Keys and values once for each of the query's heads."""
    shared = query.shape[1] // key.shape[1]
    return repeat_kv(key, shared), repeat_kv(value, shared)
