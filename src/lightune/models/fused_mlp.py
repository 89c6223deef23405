"""GPT-2's feed-forward part without gradients: GELU computed by the product before it, in no pass of its own."""

from __future__ import annotations

import types
from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.gpt2.modeling_gpt2 import GPT2MLP
from transformers.pytorch_utils import Conv1D

from lightune.models.layouts import as_linear, laid_out_weight
from lightune.models.onednn import fits_onednn


def fuse_mlp(model: nn.Module) -> int:
    """Have each feed-forward part of GPT-2 in `model` compute its first product and its tanh GELU in one call of oneDNN
    where no gradient is wanted, in place; returns how many.

    Where the first layer is no plain one (an adapter not yet merged, say) or a gradient is wanted, transformers' own
    code runs. Answers agree within 1e-5 in float32.
    """
    found = [module for module in model.modules() if type(module) is GPT2MLP and _is_tanh(module.act)]
    for module in found:
        module.forward = types.MethodType(_forward, module)  # type: ignore[method-assign]
    return len(found)


def _forward(self: Any, hidden_states: Tensor) -> Tensor:
    layer = _plain(self.c_fc)
    wanted = torch.is_grad_enabled() and (hidden_states.requires_grad or _learns(self.c_fc))
    if layer is None or wanted or self.training or not fits_onednn(hidden_states, layer.weight):
        return GPT2MLP.forward(self, hidden_states)  # type: ignore[arg-type]
    laid_out = laid_out_weight(layer)
    weight = as_linear(layer) if laid_out is None else laid_out.forward
    inner = torch.ops.mkldnn._linear_pointwise(hidden_states, weight, layer.bias, "gelu", [], "tanh")
    return self.dropout(self.c_proj(inner))  # type: ignore[no-any-return]


def _plain(layer: Any) -> Any:
    """The layer itself, or the one that a merged adapter has changed; None for what is more than a product."""
    if getattr(layer, "merged", False) and hasattr(layer, "base_layer"):
        layer = layer.base_layer
    return layer if type(layer) in (nn.Linear, Conv1D) else None


def _learns(layer: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in layer.parameters())


def _is_tanh(act: nn.Module) -> bool:
    return type(act) is nn.GELU and act.approximate == "tanh"
