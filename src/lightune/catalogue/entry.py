"""What an entry of the catalogue of methods says."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

MERGE, MIX, SAVE = "merge", "mix", "save"
# Which modules a method changes.
LINEAR, NORMS, BLOCKS, EMBEDDING, PROMPT, BIASES = "linear", "norms", "blocks", "embedding", "prompt", "biases"
NO_WEIGHTS = "what it learns stands beside the weights and is no change of them"


@dataclass(frozen=True)
class Shape:
    """What of a model a method's options depend on.

    sides: (in, out) of each linear layer of the backbone. width: of the hidden states. blocks: how many there are.
    vocabulary: tokens. steps: optimizer steps of the training that is to come.
    """

    sides: tuple[tuple[int, int], ...]
    width: int
    blocks: int
    vocabulary: int
    steps: int

    @property
    def divisor(self) -> int:
        """The largest number that divides every side."""
        return math.gcd(*(side for pair in self.sides for side in pair)) if self.sides else 1

    @property
    def least(self) -> int:
        """The shortest side."""
        return min((side for pair in self.sides for side in pair), default=self.width)

    def block(self, most: int) -> int:
        """The largest divisor of every side that is at most `most`."""
        return max(size for size in range(1, min(most, self.divisor) + 1) if self.divisor % size == 0)


@dataclass(frozen=True)
class Method:
    """One way to adapt a model with few parameters.

    name: of its arm. title: as papers write it. summary: what it is, in a line. paper: arXiv id, DOI or address; None
    where there is none. peft: peft's name of it; None for what peft does not have. targets: which modules it changes.
    options: peft's options beside its own defaults, fitting any model; fitted: those that follow from the model's
    shape. rate: its learning rate as a multiple of LoRA's. conv1d: it takes GPT-2's Conv1D as it is; else that is
    turned into Linear first. saves_head: peft saves the head with it. own_loss: peft adds a term to the loss.
    quantised: the base is held in 4 bits.
    needs: what it needs of the model beside linear layers, in words. cannot: `merge`, `mix` or `save` -> why not.
    variant_of: the method whose variant it is. refused: why it cannot be an arm at all; None where it can.
    """

    name: str
    title: str
    summary: str
    paper: str | None
    peft: str | None
    targets: str = LINEAR
    options: Mapping[str, Any] = field(default_factory=dict)
    fitted: Callable[[Shape], Mapping[str, Any]] | None = None
    rate: float = 1.0
    conv1d: bool = False
    saves_head: bool = True
    own_loss: bool = False
    quantised: bool = False
    needs: str = ""
    cannot: Mapping[str, str] = field(default_factory=dict)
    variant_of: str | None = None
    refused: str | None = None

    @property
    def searchable(self) -> bool:
        """Whether it changes layers and leaves the base's own weights alone, so that many trainings share one base."""
        changes = self.options.get("init_lora_weights") in ("pissa", "olora") or self.quantised
        return self.refused is None and self.targets in (LINEAR, NORMS) and not changes

    @property
    def has_rank(self) -> bool:
        """Whether rank and target modules are the user's to set, as LoRA's are."""
        return self.peft == "LORA"

    def resolved(self, shape: Shape) -> dict[str, Any]:
        """All options for a model of this shape."""
        return {**self.options, **(self.fitted(shape) if self.fitted is not None else {})}
