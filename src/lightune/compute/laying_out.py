"""When it pays to lay weights out beforehand, and fits into memory."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

from torch import nn

from lightune.compute.choices import chosen
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
    """`laid_out` for forward passes over so many tokens without gradients, where it pays and has room, or was decided
    to have."""
    made = chosen()
    if tokens >= LAID_OUT_FROM and (layouts_fit([model]) if made is None or made.layouts is None else made.layouts):
        return laid_out(model, training=False)
    return nullcontext()


def layouts_fit(models: Iterable[nn.Module]) -> bool:
    """Whether the weights of each of these models, one at a time, leave enough of the free memory when laid out."""
    sizes = [laid_out_bytes(model, training=False) for model in models]
    return has_room(max(sizes, default=0))
