"""A frozen base held in 4 bits: NF4 with bitsandbytes (Dettmers et al. 2023, arXiv 2305.14314)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from transformers import PreTrainedModel

from lightune.models.conv1d import to_linear

NF4 = "nf4"


def quantise(model: PreTrainedModel, names: Sequence[str]) -> PreTrainedModel:
    """Hold the linear layers called `names` in NF4, in place; GPT-2's Conv1D become Linear first.

    The head is none of them and stays as it is. Layers are quantised when the model is moved to its device; products
    are computed in bfloat16 on a CUDA device that has it, else in float32.
    """
    import bitsandbytes

    to_linear(model)
    half = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    for name in names:
        layer = model.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        held = bitsandbytes.nn.Linear4bit(
            layer.in_features,
            layer.out_features,
            bias=layer.bias is not None,
            compute_dtype=torch.bfloat16 if half else torch.float32,
            quant_type=NF4,
        )
        held.weight = bitsandbytes.nn.Params4bit(layer.weight.data, requires_grad=False, quant_type=NF4)
        if layer.bias is not None:
            held.bias = nn.Parameter(layer.bias.data, requires_grad=False)
        parent, _, own = name.rpartition(".")
        setattr(model.get_submodule(parent), own, held)
    model.is_loaded_in_4bit = True  # type: ignore[assignment]
    return model


def is_quantised(model: nn.Module) -> bool:
    """Whether `model`, wrapped by peft or not, is held in 4 bits."""
    return bool(getattr(model, "is_loaded_in_4bit", False))
