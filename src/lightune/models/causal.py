"""Causal attention of packed texts on a CPU, a few queries at a time, so that none is multiplied by what it cannot see.

torch's own for CPUs takes 512 keys at once: of a text no longer than that it computes the half above the diagonal too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Queries of one call. Fewer make calls, more make work for nothing. It divides the 512 keys that torch takes at once:
# else some queries could see none of a part of them, whose softmax is no number.
QUERIES = 64
# Heads of a block are shared out over threads: to more of them than this a whole text gives more to do.
MOST_THREADS = 16
PARTS = ("_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_flash_attention_for_cpu_backward")


def can_attend_in_blocks(query: Tensor, key: Tensor, value: Tensor, dropout: float) -> bool:
    """Whether `CausalInBlocks` is for these: float32 on a CPU without dropout, laid out as torch's kernel reads them,
    and a torch that has its parts."""
    return (
        all(
            one.device.type == "cpu" and one.dtype is torch.float32 and one.stride(-1) == 1
            for one in (query, key, value)
        )
        and dropout == 0.0
        and torch.get_num_threads() <= MOST_THREADS
        and all(hasattr(torch.ops.aten, name) for name in PARTS)
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()  # type: ignore[attr-defined]
    )


class CausalInBlocks(torch.autograd.Function):
    """softmax(q k^T x scale) v of each text, a token seeing itself and what is before it.

    torch's flash attention for CPUs (Dao et al. 2022, arXiv 2205.14135) on blocks of queries, each with the keys up to
    its last one. Answers and gradients agree with torch's whole one within 1e-5 in float32.
    """

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, parts: Sequence[int], scale: float | None
    ) -> Tensor:
        """query, key, value [1, heads, tokens, width] to [1, tokens, heads, width]; parts: the tokens of each text."""
        tokens, heads, width = query.shape[2], query.shape[1], query.shape[3]
        found = query.new_empty(1, tokens, heads, width)
        sums = []
        unseen = _unseen(parts, query)
        for block in _blocks(parts):
            answer, weights = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
                query[:, :, block.queries], *(one[:, :, block.keys] for one in (key, value)), 0.0, False,
                attn_mask=block.of(unseen), scale=scale,
            )  # fmt: skip
            found[:, block.queries] = answer.transpose(1, 2)
            sums.append(weights)
        ctx.save_for_backward(query, key, value, found, *sums)
        ctx.parts, ctx.scale = parts, scale
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of query, key and value."""
        query, key, value, found, *sums = ctx.saved_tensors
        of_query, of_key, of_value = torch.empty_like(query), torch.zeros_like(key), torch.zeros_like(value)
        unseen = _unseen(ctx.parts, query)
        for block, weights in zip(_blocks(ctx.parts), sums, strict=True):
            of_queries, of_keys, of_values = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
                grad[:, block.queries].transpose(1, 2), query[:, :, block.queries], key[:, :, block.keys],
                value[:, :, block.keys], found[:, block.queries].transpose(1, 2), weights, 0.0, False,
                attn_mask=block.of(unseen), scale=ctx.scale,
            )  # fmt: skip
            of_query[:, :, block.queries] = of_queries
            of_key[:, :, block.keys] += of_keys
            of_value[:, :, block.keys] += of_values
        return of_query, of_key, of_value, None, None


@dataclass(frozen=True)
class _Block:
    """Queries that go together, and the keys that the last of them sees."""

    first_key: int
    first: int
    stop: int

    @property
    def queries(self) -> slice:
        return slice(self.first, self.stop)

    @property
    def keys(self) -> slice:
        return slice(self.first_key, self.stop)

    def of(self, unseen: Tensor) -> Tensor:
        """The part of `_unseen` that belongs to this block: [queries, keys]."""
        before = unseen.shape[1] - QUERIES - (self.first - self.first_key)
        return unseen[: self.stop - self.first, before : before + self.stop - self.first_key]


def _blocks(parts: Sequence[int]) -> Iterator[_Block]:
    start = 0
    for length in parts:
        for first in range(0, length, QUERIES):
            yield _Block(start, start + first, start + min(first + QUERIES, length))
        start += length


def _unseen(parts: Sequence[int], like: Tensor) -> Tensor:
    """What is added to the scores of a block of the longest text: 0 for keys before the block, and in it -inf above
    the diagonal, [QUERIES, longest + QUERIES]."""
    seen = like.new_zeros(QUERIES, max(parts))
    own = torch.full((QUERIES, QUERIES), float("-inf"), dtype=like.dtype).triu(1)
    return torch.cat([seen, own], dim=1)
