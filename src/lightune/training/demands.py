"""What a method asks of its training beside gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor


class StepHook(Protocol):
    """What a method does after each optimizer step, gradients still there, and what it remembers from step to step."""

    def __call__(self, step: int) -> None:
        """Do it; the step's number counts from 0."""
        ...

    def state(self) -> dict[str, Tensor]:
        """What it remembers, by name."""
        ...

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Remember what `state` gave."""
        ...


@dataclass(frozen=True)
class Demands:
    """own_loss: the model adds a term to the loss that it computes of labels. rate_factors: by part of a parameter's
    name, how much faster than the others it learns. after_step: called after each optimizer step."""

    own_loss: bool = False
    rate_factors: Mapping[str, float] = field(default_factory=dict)
    after_step: StepHook | None = None


NOTHING = Demands()
