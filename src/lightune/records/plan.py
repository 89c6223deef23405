"""How a training is computed on the machine at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Plan:
    """What was picked for a training. None of it changes what is learned by more than the rounding of the type that is
    computed in.

    threads: of torch. packed: texts stand end to end without padding, and the last block is computed for the pooled
    token alone. onednn: linear layers multiply by oneDNN, not MKL. laid_out: those that are frozen by weights laid out
    for it once, for as long as the training goes. micro_tokens: of a micro-batch at most. checkpointing: activations
    are computed again in the backward pass. reasons: why, by the names above. halvings: how often micro_tokens was
    halved since the run was out of memory. processes: that share each step's rows.
    """

    threads: int
    packed: bool
    onednn: bool
    micro_tokens: int
    checkpointing: bool
    laid_out: bool = False
    reasons: Mapping[str, str] = field(default_factory=dict)
    halvings: int = 0
    processes: int = 1


@dataclass(frozen=True)
class ArmPlan:
    """What a trained arm of a study would be computed by. plan: None where none can be made, for the `reason`."""

    arm: str
    plan: Plan | None
    reason: str | None = None


@dataclass(frozen=True)
class StudyPlan:
    """What a study would pick on this machine. device, precision: of all its models. not_picked: what would be faster
    or smaller but gives other answers or trains with other settings, by name, and why it was left."""

    device: str
    precision: str
    arms: tuple[ArmPlan, ...]
    not_picked: Mapping[str, str]
