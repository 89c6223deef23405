"""Dropout with cheap random numbers: the same distribution as torch's on a CPU, a fraction of its time.

torch draws each element's number from one Mersenne Twister, one after the other. Sixteen bits an element decide as
well, and a generator that is made for bulk fills memory with them some ten times as fast.
"""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

# Each element's number is one of so many.
STEPS = 2**16


class BulkDropout(torch.autograd.Function):
    """Zeroes each element with probability p, to within 1 / STEPS, and scales the others by 1 / (1 - p)."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, p: float) -> Tensor:
        """states: float32 of any shape on the CPU; 0 < p < 1."""
        keep = kept(states.shape, p)
        ctx.save_for_backward(keep)
        ctx.scale = 1.0 / (1.0 - p)
        return states * keep.float().mul_(ctx.scale)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """The same elements zeroed, the same scale."""
        (keep,) = ctx.saved_tensors
        return grad * keep.float().mul_(ctx.scale), None


def kept(shape: torch.Size, p: float) -> Tensor:
    """Which elements stay, bool: each with probability 1 - p, by SFC64 from a seed of torch's global generator."""
    count = shape.numel()
    seed = int(torch.randint(2**62, (1,)))
    words = np.random.Generator(np.random.SFC64(seed)).integers(
        0, 2**64 - 1, size=-(-count // 4), dtype=np.uint64, endpoint=True
    )
    numbers = torch.from_numpy(words.view(np.int16)[:count]).view(shape)
    return numbers >= round(p * STEPS) - STEPS // 2


def bulk_dropout(states: Tensor, p: float) -> Tensor:
    """Dropout in training: by BulkDropout where that applies, else torch's own."""
    if states.device.type != "cpu" or states.dtype is not torch.float32 or not 0.0 < p < 1.0:
        return nn.functional.dropout(states, p)
    return BulkDropout.apply(states, p)  # type: ignore[no-any-return]


def use_bulk_dropout(model: nn.Module) -> int:
    """Have each Dropout of `model` draw in bulk, in place; returns how many. Answers have none; training sees other
    draws of the same distribution."""
    found = [module for module in model.modules() if type(module) is nn.Dropout]
    for module in found:
        module.forward = types.MethodType(_forward, module)  # type: ignore[method-assign]
    return len(found)


def _forward(self: nn.Dropout, input: Tensor) -> Tensor:
    if not self.training or self.p == 0.0 or torch.compiler.is_compiling():
        return nn.Dropout.forward(self, input)
    return bulk_dropout(input, self.p)
