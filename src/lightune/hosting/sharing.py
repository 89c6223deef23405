"""Weights that several models have in common, held once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import torch
from torch import Tensor, nn


class SharedWeights:
    """The tensors of the models seen so far, by content. For models that are only asked: what changes one in place
    changes it for all."""

    def __init__(self) -> None:
        self._kept: dict[tuple[torch.device, torch.dtype, torch.Size, str], Tensor] = {}

    def share(self, model: nn.Module) -> None:
        """Let each tensor of `model` that an earlier one had, number for number, be that one; its own copy is freed."""
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.numel():
                tensor.data = self._kept.setdefault(_content(tensor), tensor.data)


def weight_bytes(models: Iterable[nn.Module]) -> int:
    """Bytes that the models' tensors take together, each memory counted once."""
    sizes: dict[int, int] = {}
    for model in models:
        for tensor in (*model.parameters(), *model.buffers()):
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
    return sum(sizes.values())


def _content(tensor: Tensor) -> tuple[torch.device, torch.dtype, torch.Size, str]:
    numbers = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data
    return tensor.device, tensor.dtype, tensor.shape, hashlib.sha256(numbers).hexdigest()
