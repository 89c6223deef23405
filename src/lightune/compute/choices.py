"""What the speed and the free memory of the machine decide about how answers are computed, decided beforehand: so that
processes that share a job compute the same bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Choices:
    """threads: of torch on the CPU. onednn: whether linear layers multiply by oneDNN; it counts when a model is loaded.
    layouts: whether weights are laid out beforehand where that pays; None: as memory allows at each call."""

    threads: int
    onednn: bool
    layouts: bool | None = None


_made: ContextVar[Choices | None] = ContextVar("choices", default=None)


def chosen() -> Choices | None:
    """What was decided beforehand, in this thread; None: nothing."""
    return _made.get()


@contextmanager
def choosing(choices: Choices) -> Iterator[None]:
    """Within it models are loaded and answer by `choices`; what held before holds again afterwards."""
    import torch

    threads = torch.get_num_threads()
    token = _made.set(choices)
    try:
        if threads != choices.threads:
            torch.set_num_threads(choices.threads)
        yield
    finally:
        _made.reset(token)
        if threads != choices.threads:
            torch.set_num_threads(threads)
