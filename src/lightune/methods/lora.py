"""LoRA: a low-rank update beside each frozen linear layer (Hu et al. 2021, arXiv 2106.09685)."""

from __future__ import annotations

from collections.abc import Sequence

import peft
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from lightune.config import LoraConfig
from lightune.errors import ConfigError


def attach_lora(model: PreTrainedModel, head: Sequence[str], options: LoraConfig) -> peft.PeftModel:
    """Freeze `model`, put LoRA beside its linear layers, and leave the modules of the `head` to be trained.

    Raises ConfigError when a target module is none of the model's linear layers.
    """
    config = peft.LoraConfig(
        task_type=peft.TaskType.SEQ_CLS,
        r=options.rank,
        lora_alpha=options.alpha,  # type: ignore[arg-type]
        lora_dropout=options.dropout,
        target_modules=_targets(model, head, options.target_modules),
        modules_to_save=list(head),
        fan_in_fan_out=_has_conv1d(model),
        bias="none",
    )
    return peft.get_peft_model(model, config)


def linear_layers(model: PreTrainedModel, head: Sequence[str] = ()) -> list[str]:
    """Name every linear layer (torch's or GPT-2's Conv1D) of the backbone, the head's left out."""
    prefix = f"{model.base_model_prefix}."
    inside = tuple(f"{name}." for name in head)
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D)
        and name.startswith(prefix)
        and not name.startswith(inside)
        and name not in head
    ]


def _targets(model: PreTrainedModel, head: Sequence[str], asked: tuple[str, ...] | None) -> list[str]:
    layers = linear_layers(model, head)
    if asked is not None:
        for name in asked:
            if not any(layer == name or layer.endswith(f".{name}") for layer in layers):
                known = sorted({layer.rpartition(".")[2] for layer in layers})
                raise ConfigError(
                    f"--target-modules: {name!r} is none of this model's linear layers; it has {', '.join(known)}."
                )
        layers = [layer for layer in layers if any(layer == name or layer.endswith(f".{name}") for name in asked)]
    short = sorted({layer.rpartition(".")[2] for layer in layers})
    # Short names read better in the adapter's configuration, but must not reach into anything else.
    matched = [name for name, _ in model.named_modules() if name.rpartition(".")[2] in short]
    return short if sorted(matched) == sorted(layers) else layers


def _has_conv1d(model: PreTrainedModel) -> bool:
    return any(isinstance(module, Conv1D) for module in model.modules())
