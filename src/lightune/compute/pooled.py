"""A frozen backbone's features of texts: its last hidden states, pooled to one vector a text."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel

from lightune.compute.batching import Layout, layout_for, on_device
from lightune.compute.encoding import Encoded
from lightune.compute.laying_out import laid_out_for
from lightune.models import SEGMENTS, hidden_states, packed_states


def pooled_features(
    model: nn.Module,
    encoded: Encoded,
    pad_id: int,
    pooling: str,
    on_rows: Callable[[int], None] | None = None,
    around: Callable[..., AbstractContextManager[None]] | None = None,
) -> NDArray[np.float32]:
    """Return the backbone's last hidden states (after its final norm) of `encoded`, [texts, width], rows in order.

    model: transformers' backbone, or a model with a head on one, which is left out; used in evaluation mode on the
    device it is on. An encoder-decoder's states are its decoder's, which its own classifier pools. pooling: `last`, the
    state of a text's last token, or `mean`, over all its tokens; padding counts in neither. on_rows: hears of each
    batch's rows when done. around: is entered with what a batch's pass is given, as `replayed` is.
    """
    device = next(model.parameters()).device
    half = device.type == "cuda" and torch.cuda.is_bf16_supported()
    backbone = cast(PreTrainedModel, model)
    # A mean is over the states of all tokens, of which a packed pass computes the last alone.
    layout = layout_for(model) if pooling == "last" else Layout(packed=False)
    model.eval()
    features: NDArray[np.float32] | None = None
    laid_out = laid_out_for(model, int(encoded.lengths.sum()))
    with laid_out, torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
        for batch in layout.batches(encoded.lengths):
            inputs = on_device(layout.inputs([encoded.ids[row] for row in batch], pad_id), device)
            with around(**inputs) if around is not None else nullcontext():
                values = _pooled(backbone, inputs, pooling).cpu().numpy()
            if features is None:
                features = np.empty((len(encoded), values.shape[1]), dtype=np.float32)
            features[batch] = values
            if on_rows is not None:
                on_rows(len(batch))
    return np.empty((0, 0), dtype=np.float32) if features is None else features


def _pooled(model: PreTrainedModel, inputs: dict[str, Any], pooling: str) -> Tensor:
    """Features [texts, width] of one batch, packed or padded."""
    if SEGMENTS in inputs:
        return packed_states(cast(PreTrainedModel, model.base_model), **inputs).float()
    return pool(hidden_states(model, **inputs), inputs["attention_mask"], pooling)


def pool(states: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """Pool states [texts, tokens, width] of right-padded texts to float32 [texts, width]; mask: 1 for a token."""
    states = states.float()
    if pooling == "last":
        rows = torch.arange(len(states), device=states.device)
        return states[rows, mask.sum(dim=1) - 1]
    weights = mask[:, :, None].float()
    return (states * weights).sum(dim=1) / weights.sum(dim=1)
