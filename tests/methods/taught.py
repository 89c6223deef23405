"""A method put on a tiny base and trained by hand for a few steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from lightune.catalogue import METHODS
from lightune.methods import after_step, attach
from tests.fixtures.bases import load, padded, token_rows

BATCH = padded(token_rows(4, 9, 12), 0)
LABELS = torch.tensor([0, 1, 0])
# What can be put on a tiny GPT-2 without a CUDA device.
USABLE = [name for name, method in METHODS.items() if method.refused is None and name != "qlora"]
# A method of each way to work: beside layers, in their stead, on their outputs, before a text, in every block, alone.
SHOWN_METHODS = ("lora", "adalora", "oft", "ia3", "prompt-tuning", "prefix-tuning", "bitfit")


def attached(folder: Path, name: str, seed: int = 0, steps: int = 3, **options: Any) -> tuple[Any, Any]:
    base = load(folder)
    return base, attach(base.model, base.head.modules, METHODS[name], options, steps=steps, seed=seed)


def teach(model: nn.Module, name: str, steps: int = 3, rate: float = 0.02) -> list[float]:
    """Train in place; the losses."""
    model.train()
    optimizer = torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=rate)
    after, losses = after_step(model), []
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for step in range(steps):
            output = model(**BATCH, labels=LABELS) if METHODS[name].own_loss else model(**BATCH)
            own = METHODS[name].own_loss
            loss = output.loss if own else nn.functional.cross_entropy(output.logits, LABELS)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if after is not None:
                after(step)
            losses.append(loss.item())
    model.eval()
    return losses
