"""A model that is put back as it was after something was attached to it: one copy of the weights for many trainings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def put_back(model: nn.Module) -> Iterator[None]:
    """Within it modules of `model` may be wrapped, replaced or frozen; afterwards each is what it was.

    What stays changed is a tensor's values: this is for methods that leave the base's own weights alone.
    """
    modules = {module: _copied(vars(module)) for module in model.modules()}
    wanted = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        yield
    finally:
        for module, own in modules.items():
            vars(module).clear()
            vars(module).update(own)
        for parameter, asked in wanted:
            parameter.requires_grad_(asked)
            parameter.grad = None


def _copied(values: dict[str, object]) -> dict[str, object]:
    """The attributes, with copies of the dictionaries in which a module keeps its parts and hooks."""
    return {name: value.copy() if isinstance(value, dict) else value for name, value in values.items()}
