"""Forward passes without gradients over encoded texts, in the order they came in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lightune.compute.batching import Layout, layout_for, on_device
from lightune.compute.encoding import Encoded
from lightune.compute.laying_out import laid_out_for


def logits_of(
    model: nn.Module,
    encoded: Encoded,
    pad_id: int,
    on_rows: Callable[[int], None] | None = None,
    adapters: Sequence[str] | None = None,
) -> NDArray[np.float64]:
    """Return the logits [n, labels] of `encoded`, rows in their order. `on_rows` hears of each batch's rows when done.

    adapters: the adapter of each text by name, for peft's mixed batches, whose rows are padded. The model is used in
    evaluation mode; on a GPU under bfloat16 autocast where it has it.
    """
    device = next(model.parameters()).device
    half = device.type == "cuda" and torch.cuda.is_bf16_supported()
    layout = layout_for(model) if adapters is None else Layout(packed=False)
    model.eval()
    found: NDArray[np.float64] | None = None
    laid_out = laid_out_for(model, int(encoded.lengths.sum()))
    with laid_out, torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
        for batch in layout.batches(encoded.lengths):
            inputs = layout.inputs([encoded.ids[row] for row in batch], pad_id)
            if adapters is not None:
                inputs["adapter_names"] = [adapters[row] for row in batch]
            logits = model(**on_device(inputs, device)).logits
            values = logits.double().cpu().numpy()
            if found is None:
                found = np.empty((len(encoded), *values.shape[1:]), dtype=np.float64)
            found[batch] = values
            if on_rows is not None:
                on_rows(len(batch))
    return np.empty((0, 0)) if found is None else found


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn logits [..., labels] into probabilities that sum to one."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))
