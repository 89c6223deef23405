"""GPT-2's Conv1D layers as Linear ones and back, without loss: most methods know only the latter."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D


def to_linear(model: nn.Module) -> tuple[str, ...]:
    """Turn each Conv1D (weight [in, out]) of `model` into a Linear with the transposed weight, in place.

    The same products of the same numbers: logits are identical. Returns the names of the layers, for `to_conv1d`.
    """
    found = [(name, module) for name, module in model.named_modules() if isinstance(module, Conv1D)]
    for name, layer in found:
        linear = _undrawn(nn.Linear(layer.nx, layer.nf, device="meta", dtype=layer.weight.dtype), layer)
        with torch.no_grad():
            linear.weight.copy_(layer.weight.T)
            linear.bias.copy_(layer.bias)
        _put(model, name, linear)
    return tuple(name for name, _ in found)


def to_conv1d(model: nn.Module, names: Collection[str]) -> None:
    """Turn the Linear layers called `names` back into Conv1D, in place: the layout that is saved."""
    for name in names:
        layer = model.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        with torch.device("meta"):
            conv = Conv1D(layer.out_features, layer.in_features)
        conv = _undrawn(conv.to(layer.weight.dtype), layer)
        with torch.no_grad():
            conv.weight.copy_(layer.weight.T)
            conv.bias.copy_(layer.bias)
        _put(model, name, conv)


def _undrawn(made: nn.Module, like: nn.Linear | Conv1D) -> Any:
    """A layer made without numbers, on the device of `like`: drawing them would move the global generator on."""
    return made.to_empty(device=like.weight.device)


def _put(model: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    layer.train(model.training)
    setattr(model.get_submodule(parent), own, layer)
