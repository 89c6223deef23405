"""Batches without padding, or with hardly any: texts packed end to end, or rows of like length together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lightune.models import SEGMENTS, Segments, can_pack

# Bounds a forward pass: big enough to keep the matrix products busy, small enough to stay in a laptop's memory.
INFERENCE_ROWS = 64
INFERENCE_TOKENS = 2048
# A GPU's many cores want more at once.
GPU_TOKENS = 32768
# Packed rows of more than so many tokens are filled up to a multiple of the other.
FILL_FROM, FILL = 256, 64
# More padding than this share of a batch's tokens costs more than one more, smaller batch.
PADDING = 0.08


@dataclass(frozen=True)
class Layout:
    """How texts stand in a batch. packed: end to end in one row, else in rows of their own, padded. rows, tokens: what
    a batch holds at most, padding included; a single longer text stands alone."""

    packed: bool
    rows: int = INFERENCE_ROWS
    tokens: int = INFERENCE_TOKENS

    def batches(self, lengths: NDArray[np.int64]) -> list[list[int]]:
        """Group row numbers into batches, each row once, longest first."""
        cut = packed_batches if self.packed else length_batches
        return cut(lengths, rows=self.rows, tokens=self.tokens)

    def inputs(self, ids: Sequence[NDArray[np.int32]], pad_id: int) -> dict[str, Any]:
        """What a model takes for one batch of tokenised texts."""
        return pack(ids, pad_id) if self.packed else dict(collate(ids, pad_id))


def layout_for(model: nn.Module) -> Layout:
    """The layout of batches without gradients that `model` answers fastest for."""
    packed, device = can_pack(model), next(model.parameters()).device
    return Layout(packed, tokens=GPU_TOKENS if packed and device.type == "cuda" else INFERENCE_TOKENS)


def length_batches(
    lengths: NDArray[np.int64], rows: int = INFERENCE_ROWS, tokens: int = INFERENCE_TOKENS, padding: float = PADDING
) -> list[list[int]]:
    """Group row numbers into batches, longest rows first (so that too little memory shows at once).

    A batch holds at most `rows` rows, at most `tokens` tokens with padding (a single longer row stands alone), and at
    most the share `padding` of padding. Every row comes exactly once; equal lengths keep their order.
    """
    return _fill(
        lengths,
        lambda width, count, useful: (
            count > rows or width * count > tokens or width * count - useful > padding * width * count
        ),
    )


def packed_batches(
    lengths: NDArray[np.int64], rows: int = INFERENCE_ROWS, tokens: int = INFERENCE_TOKENS
) -> list[list[int]]:
    """Group row numbers into batches of at most `rows` rows and `tokens` tokens, without padding; a single longer row
    stands alone. Every row comes exactly once, longest first; equal lengths keep their order."""
    return _fill(lengths, lambda width, count, useful: count > rows or useful > tokens)  # noqa: ARG005


def even_batches(lengths: NDArray[np.int64], rows: int, tokens: int) -> list[list[int]]:
    """Group row numbers into as few batches as `packed_batches`' bounds allow, of about as many tokens each.

    The longest row left goes to the batch with the fewest tokens (Graham 1969's rule for even loads), so that no small
    rest is computed at a small batch's speed. Bounds that this cannot keep are kept by `packed_batches`.
    """
    total = int(lengths.sum())
    count = max(1, -(-total // tokens), -(-len(lengths) // rows))
    batches: list[list[int]] = [[] for _ in range(count)]
    loads = [0] * count
    for row in np.argsort(-lengths, kind="stable").tolist():
        at = min((place for place in range(count) if len(batches[place]) < rows), key=loads.__getitem__)
        batches[at].append(row)
        loads[at] += int(lengths[row])
    if any(load > tokens and len(batch) > 1 for load, batch in zip(loads, batches, strict=True)):
        return packed_batches(lengths, rows, tokens)
    return [batch for batch in batches if batch]


def collate(ids: Sequence[NDArray[np.int32]], pad_id: int) -> dict[str, Tensor]:
    """Pad `ids` on the right to the longest of them: `input_ids` and `attention_mask`, int64 [rows, tokens]."""
    width = max(len(row) for row in ids)
    tokens = np.full((len(ids), width), pad_id, dtype=np.int64)
    mask = np.zeros((len(ids), width), dtype=np.int64)
    for at, row in enumerate(ids):
        tokens[at, : len(row)] = row
        mask[at, : len(row)] = 1
    return {"input_ids": torch.from_numpy(tokens), "attention_mask": torch.from_numpy(mask)}


def pack(ids: Sequence[NDArray[np.int32]], pad_id: int) -> dict[str, Any]:
    """Put `ids` end to end: `input_ids`, int64 [1, tokens], and where each text stands in it.

    A row of some length is filled up to a multiple of FILL tokens: libraries keep code and memory for each width of
    matrices that they have met, and rows of any width would have them keep ever more.
    """
    lengths = tuple(len(one) for one in ids)
    filler = packed_width(sum(lengths)) - sum(lengths)
    row = np.concatenate([*(np.asarray(one, dtype=np.int64) for one in ids), np.full(filler, pad_id, dtype=np.int64)])
    return {"input_ids": torch.from_numpy(row)[None], SEGMENTS: Segments(lengths, filler)}


def packed_width(tokens: int) -> int:
    """How long `pack` makes a row of so many tokens."""
    return tokens + (-tokens % FILL if tokens > FILL_FROM else 0)


def on_device(inputs: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """The same inputs with their tensors on `device`."""
    return {name: value.to(device) if isinstance(value, Tensor) else value for name, value in inputs.items()}


def _fill(lengths: NDArray[np.int64], is_over: Callable[[int, int, int], bool]) -> list[list[int]]:
    """Fill one batch after another, longest rows first, until it `is_over` with one more row.

    is_over: of (tokens of the longest row, rows, tokens of all rows).
    """
    batches: list[list[int]] = []
    batch: list[int] = []
    useful = 0
    for row in np.argsort(-lengths, kind="stable").tolist():
        length = int(lengths[row])
        width = int(lengths[batch[0]]) if batch else length
        if batch and is_over(width, len(batch) + 1, useful + length):
            batches.append(batch)
            batch, useful = [], 0
        batch.append(row)
        useful += length
    if batch:
        batches.append(batch)
    return batches
