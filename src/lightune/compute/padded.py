"""Forward passes over the same texts padded in other ways, which must not change an answer."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lightune.compute.encoding import Encoded

ROWS = 8
LEFT, RIGHT = "left", "right"


def padded_logits(model: nn.Module, encoded: Encoded, pad_id: int, side: str, width: int = 0) -> NDArray[np.float64]:
    """Logits [n, labels] of `encoded`, ROWS rows at a time, padded on one `side` to at least `width` tokens."""
    device = next(model.parameters()).device
    half = device.type == "cuda" and torch.cuda.is_bf16_supported()
    order = np.argsort(encoded.lengths, kind="stable")
    found: list[NDArray[np.float64]] = []
    model.eval()
    with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
        for start in range(0, len(order), ROWS):
            rows = [encoded.ids[at] for at in order[start : start + ROWS]]
            wide = max(width, *(len(row) for row in rows))
            ids = np.full((len(rows), wide), pad_id, dtype=np.int64)
            mask = np.zeros((len(rows), wide), dtype=np.int64)
            for at, row in enumerate(rows):
                place = slice(wide - len(row), wide) if side == LEFT else slice(0, len(row))
                ids[at, place], mask[at, place] = row, 1
            batch = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
            logits = model(**{name: tensor.to(device) for name, tensor in batch.items()}).logits
            found.append(logits.double().cpu().numpy())
    together = np.concatenate(found)
    back = np.empty_like(together)
    back[order] = together
    return back
