"""How much a training step keeps in memory for its backward pass, seen on a few texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


def kept_bytes(model: nn.Module, inputs: Mapping[str, Any]) -> int:
    """Bytes that one forward pass over `inputs` in training mode keeps for its backward pass, weights left out.

    Each stretch of memory counts once, however many views of it are kept. Mode and random state stay as they were.
    """
    held = (*model.parameters(), *model.buffers())
    weights = {tensor.untyped_storage().data_ptr() for tensor in held if tensor.layout is torch.strided}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.layout is not torch.strided:
            return tensor.detach()  # a method's sparse change of a weight: without a storage of its own, and small
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        # Detached: an output that its own graph holds would never be freed, nor the model with it.
        return tensor.detach()

    was_training = model.training
    model.train()
    try:
        with torch.random.fork_rng(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            logits = model(**inputs).logits  # held until all is counted: freed memory would be handed out again
    finally:
        model.train(was_training)
    del logits
    return sum(kept.values())
