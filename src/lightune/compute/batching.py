"""Batches with hardly any padding: rows of like length together, within a bound on rows and on tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Bounds a forward pass: big enough to keep the matrix products busy, small enough to stay in a laptop's memory.
INFERENCE_ROWS = 64
INFERENCE_TOKENS = 8192
# More padding than this share of a batch's tokens costs more than one more, smaller batch.
PADDING = 0.08


def length_batches(
    lengths: NDArray[np.int64], rows: int = INFERENCE_ROWS, tokens: int = INFERENCE_TOKENS, padding: float = PADDING
) -> list[list[int]]:
    """Group row numbers into batches, longest rows first (so that too little memory shows at once).

    A batch holds at most `rows` rows, at most `tokens` tokens with padding (a single longer row stands alone), and at
    most the share `padding` of padding. Every row comes exactly once; equal lengths keep their order.
    """
    order = np.argsort(-lengths, kind="stable")
    batches: list[list[int]] = []
    batch: list[int] = []
    useful = 0
    for row in order.tolist():
        width = int(lengths[batch[0]]) if batch else int(lengths[row])
        area = width * (len(batch) + 1)
        full = len(batch) >= rows or area > tokens or area - useful - int(lengths[row]) > padding * area
        if batch and full:
            batches.append(batch)
            batch, useful = [], 0
        batch.append(row)
        useful += int(lengths[row])
    if batch:
        batches.append(batch)
    return batches


def collate(ids: Sequence[NDArray[np.int32]], pad_id: int) -> dict[str, Tensor]:
    """Pad `ids` on the right to the longest of them: `input_ids` and `attention_mask`, int64 [rows, tokens]."""
    width = max(len(row) for row in ids)
    tokens = np.full((len(ids), width), pad_id, dtype=np.int64)
    mask = np.zeros((len(ids), width), dtype=np.int64)
    for at, row in enumerate(ids):
        tokens[at, : len(row)] = row
        mask[at, : len(row)] = 1
    return {"input_ids": torch.from_numpy(tokens), "attention_mask": torch.from_numpy(mask)}
