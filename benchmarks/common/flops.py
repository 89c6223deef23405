"""Useful floating-point operations of GPT-2's kind, from the configuration alone.

Useful means: of tokens that are no padding, and of attention only what a causal mask leaves. A multiplication and an
addition count as two. Norms, activations, the head and LoRA's own products are left out (below 1 % together).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Shape:
    """width: of the hidden states. blocks: how many. inner: width of the MLP."""

    width: int
    blocks: int
    inner: int

    @property
    def matmul_weights(self) -> int:
        """Weights of all blocks that each token is multiplied with: the four of attention, the two of the MLP."""
        return self.blocks * (4 * self.width**2 + 2 * self.width * self.inner)


def shape_of(folder: Path) -> Shape:
    """Read a GPT-2 configuration. Raises ValueError for another kind, whose blocks may hold other products."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") != "gpt2":
        raise ValueError(f"{folder}: a gpt2 configuration is expected, got {config.get('model_type')!r}.")
    width = int(config["n_embd"])
    return Shape(width, int(config["n_layer"]), int(config.get("n_inner") or 4 * width))


def attention_flops(shape: Shape, tokens: int) -> int:
    """One row's scores and weighted values: token t sees t tokens, 2 x 2 x width for each, in every block."""
    return shape.blocks * 2 * shape.width * tokens * (tokens + 1)


def forward_flops(shape: Shape, lengths: Iterable[int]) -> int:
    """A forward pass over rows of `lengths` useful tokens."""
    return sum(2 * shape.matmul_weights * tokens + attention_flops(shape, tokens) for tokens in lengths)


def lora_training_flops(shape: Shape, lengths: Iterable[int]) -> int:
    """Forward, and backward through the activations: 4 operations a weight and token, since frozen weights need no
    gradient (6 with one); attention's backward is twice its forward."""
    return sum(4 * shape.matmul_weights * tokens + 3 * attention_flops(shape, tokens) for tokens in lengths)
