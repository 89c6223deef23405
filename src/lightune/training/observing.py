"""What training did to a model's tensors, seen to the bit: what was to change did, what was frozen did not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from torch import nn

from lightune.records import Observed

Digests = dict[str, bytes]


def tensor_digests(model: nn.Module) -> Digests:
    """SHA-256 of each parameter and buffer, by name."""
    tensors = (*model.named_parameters(), *model.named_buffers())
    return {name: hashlib.sha256(tensor.detach().cpu().contiguous().numpy().data).digest() for name, tensor in tensors}


def observe(model: nn.Module, head: Sequence[str], before: Digests) -> Observed:
    """Compare `model` after its training with its digests from `before` the first step. head: its modules' names."""
    after = tensor_digests(model)
    changed = {name for name, digest in after.items() if before.get(name) != digest}
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    in_head = {name for name in trained if any(f".{module}." in f".{name}" for module in head)}
    frozen = set(after) - trained
    return Observed(
        head=len(in_head),
        head_changed=len(in_head & changed),
        adapter=len(trained - in_head),
        adapter_changed=len((trained - in_head) & changed),
        frozen=len(frozen),
        frozen_changed=len(frozen & changed),
    )
