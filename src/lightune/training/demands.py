"""What a method asks of its training beside gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Demands:
    """own_loss: the model adds a term to the loss that it computes of labels. rate_factors: by part of a parameter's
    name, how much faster than the others it learns. after_step: called after each optimizer step, gradients still
    there, with the step's number from 0."""

    own_loss: bool = False
    rate_factors: Mapping[str, float] = field(default_factory=dict)
    after_step: Callable[[int], None] | None = None


NOTHING = Demands()
