"""Weights that do not change for a while, laid out once as oneDNN's products read them.

A product otherwise brings its weight into that order each time: for a few hundred tokens that is a tenth of the work.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

# Rows of a product that a layout is picked for; it is the same from some dozens on.
ROWS = 1024
# Numbers from which a weight is worth it.
LEAST = 2**16
LAID_OUT = "_laid_out"


class LaidOut:
    """A weight [outputs, inputs] in oneDNN's own layout, opaque, laid out when it is first asked for."""

    def __init__(self, weight: Tensor) -> None:
        self._weight = weight

    @cached_property
    def forward(self) -> Tensor:
        """For the layer's product."""
        return _reordered(self._weight)

    @cached_property
    def backward(self) -> Tensor:
        """Transposed, for the gradient of what the layer is given."""
        return _reordered(self._weight.t())


@contextmanager
def laid_out(model: nn.Module, training: bool) -> Iterator[None]:
    """Within it the layers of `use_onednn` multiply by weights laid out once, to the same answers.

    training: those that do not learn, for both directions; else all, for answers alone. Whatever is laid out must not
    change within it. It takes `laid_out_bytes`, or less where some layers have nothing to do.
    """
    layers = _worthwhile(model, training)
    try:
        for layer in layers:
            layer.__dict__[LAID_OUT] = LaidOut(as_linear(layer).detach())
        yield
    finally:
        for layer in layers:
            layer.__dict__.pop(LAID_OUT, None)


def laid_out_bytes(model: nn.Module, training: bool) -> int:
    """Bytes that `laid_out` takes at most; 0 where there is nothing to lay out, or it is already."""
    once = sum(int(layer.weight.nbytes) for layer in _worthwhile(model, training))
    return 2 * once if training else once


def laid_out_weight(layer: nn.Module) -> LaidOut | None:
    """How the weight of `layer` is laid out at the moment."""
    return layer.__dict__.get(LAID_OUT)


def as_linear(layer: Any) -> Tensor:
    """The weight of a Linear or a Conv1D as [outputs, inputs]."""
    weight: Tensor = layer.weight
    return weight.t() if type(layer) is Conv1D else weight


def _worthwhile(model: nn.Module, training: bool) -> list[Any]:
    if not hasattr(torch.ops.mkldnn, "_reorder_linear_weight"):
        return []
    return [
        layer
        for layer in model.modules()
        if type(layer) in (nn.Linear, Conv1D)
        and "forward" in layer.__dict__  # as use_onednn leaves it
        and LAID_OUT not in layer.__dict__
        and layer.weight.device.type == "cpu"
        and layer.weight.dtype is torch.float32
        and layer.weight.numel() >= LEAST
        and not (training and layer.weight.requires_grad)
    ]


def _reordered(weight: Tensor) -> Tensor:
    found: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), ROWS)
    return found
