"""The arms there are, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lightune.errors import ConfigError

if TYPE_CHECKING:
    from lightune.arms.base import Arm, ArmContext


@dataclass(frozen=True)
class ArmKind:
    """An entry of the registry. trained: repeated with each seed. sections: parts of the configuration it depends on,
    for which a change makes it another run."""

    name: str
    summary: str
    trained: bool
    sections: tuple[str, ...] = ()

    def settings(self, config: Mapping[str, object]) -> dict[str, object]:
        """Pick what this arm depends on out of a plain configuration."""
        return {name: config[name] for name in self.sections}


KINDS = {
    kind.name: kind
    for kind in (
        ArmKind("pretrained", "the base model as it is", trained=False),
        ArmKind(
            "lora", "LoRA through peft on every linear layer, and the head", trained=True, sections=("training", "lora")
        ),
    )
}


def arm_kind(name: str) -> ArmKind:
    """Return the registry's entry. Raises ConfigError that lists the arms there are."""
    if name not in KINDS:
        raise ConfigError(f"--arms: {name!r} is no arm; there are {', '.join(KINDS)}.")
    return KINDS[name]


def make_arm(name: str, context: ArmContext) -> Arm:
    """Make the arm `name` for one run. Raises ConfigError for a name that is none."""
    # Imported here, so that the names of the arms can be had without loading torch.
    from lightune.arms.lora import LoraArm
    from lightune.arms.pretrained import PretrainedArm

    classes: dict[str, type] = {"pretrained": PretrainedArm, "lora": LoraArm}
    return classes[arm_kind(name).name](context)  # type: ignore[no-any-return]
