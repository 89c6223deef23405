"""When it pays to lay weights out beforehand, and fits into memory."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from torch import nn

from lightune.models import laid_out, laid_out_bytes
from lightune.runtime import available_memory_bytes

# Of the memory that is free, what weights in a second and a third layout may take.
SHARE = 0.2
# Tokens whose forward passes gain more by it than it takes.
LAID_OUT_FROM = 10_000


def has_room(size: int) -> bool:
    """Whether `size` bytes more of weights leave enough of the memory that is free."""
    return 0 < size <= SHARE * available_memory_bytes()


def laid_out_for(model: nn.Module, tokens: int) -> AbstractContextManager[None]:
    """`laid_out` for forward passes over so many tokens without gradients, where it pays and has room."""
    if tokens >= LAID_OUT_FROM and has_room(laid_out_bytes(model, training=False)):
        return laid_out(model, training=False)
    return nullcontext()
