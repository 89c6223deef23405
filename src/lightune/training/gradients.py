"""The check before step 1: what is meant to be trained gets a gradient, what is frozen gets none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from lightune.compute import on_device
from lightune.errors import RunError


def check_gradients(model: nn.Module, batch: Mapping[str, Any], head: Sequence[str]) -> None:
    """Run one batch (what the model takes, and labels) forward and backward and look at the gradients.

    head: the names of the head's modules. Every trainable tensor of the head must get a gradient that is not zero, and
    so must at least one trainable tensor beside it where there are any (a fresh adapter's first factor may rightly
    have none). Leaves gradients, mode and random state as they were. Raises RunError.
    """
    device = next(model.parameters()).device
    was_training = model.training
    model.train()
    with torch.random.fork_rng():
        inputs = on_device({name: value for name, value in batch.items() if name != "labels"}, device)
        logits = model(**inputs).logits
        nn.functional.cross_entropy(logits.float(), batch["labels"].to(device)).backward()
    seen = {
        name: parameter.grad is not None and bool((parameter.grad != 0).any())
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    model.zero_grad()
    model.train(was_training)
    in_head = {name for name in seen if any(f".{module}." in f".{name}" for module in head)}
    if not in_head:
        raise RunError(f"The head ({', '.join(head)}) is frozen and would never be trained.")
    dead = sorted(name for name in in_head if not seen[name])
    if dead:
        raise RunError(f"The head's {dead[0]} gets no gradient, so it would never be trained.")
    rest = set(seen) - in_head
    if rest and not any(seen[name] for name in rest):
        raise RunError(f"None of the adapter's {len(rest)} tensors gets a gradient, so it would never be trained.")
