"""Adapters on disk, in peft's own format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
from safetensors import SafetensorError
from torch import nn
from transformers import PreTrainedModel

from lightune.errors import ModelError


def is_adapter(folder: Path) -> bool:
    """Whether `folder` holds an adapter that peft wrote."""
    return (folder / "adapter_config.json").exists()


def adapter_config(folder: Path) -> Any:
    """Read an adapter's configuration. Raises ModelError."""
    try:
        return peft.PeftConfig.from_pretrained(str(folder))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{folder}: its adapter_config.json cannot be used ({error}).") from error


def save_adapter(model: nn.Module, folder: Path, base: str) -> None:
    """Write the adapter of a peft model into `folder`. base: where its base model is loaded from here."""
    assert isinstance(model, peft.PeftModel)
    model.active_peft_config.base_model_name_or_path = base
    model.save_pretrained(str(folder), save_embedding_layers=False)


def load_adapter(model: PreTrainedModel, folder: Path) -> nn.Module:
    """Put the adapter in `folder` on `model`, every tensor accounted for. Raises ModelError."""
    if not (folder / "adapter_model.safetensors").exists():
        raise ModelError(f"{folder}: adapter_model.safetensors is expected beside adapter_config.json, but is missing.")
    config = adapter_config(folder)
    config.inference_mode = True
    config.base_model_name_or_path = None  # the caller has found the base; peft would warn when it has moved
    try:
        loaded: nn.Module = peft.get_peft_model(model, config)
    except ValueError as error:
        raise ModelError(
            f"{folder}: the adapter is for layers that this base model does not have. "
            "Name the base model it was trained on."
        ) from error
    try:
        weights = peft.load_peft_weights(str(folder), device="cpu")
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{folder}: its adapter_model.safetensors cannot be read ({error}).") from error
    wanted = set(peft.get_peft_model_state_dict(loaded, save_embedding_layers=False))
    if wanted != set(weights):
        missing, odd = sorted(wanted - set(weights)), sorted(set(weights) - wanted)
        raise ModelError(
            f"{folder}: the adapter does not fit this base model: {len(missing)} tensors are missing and {len(odd)} do "
            f"not belong ({(missing or odd)[0]}). Name the base model it was trained on."
        )
    try:
        peft.set_peft_model_state_dict(loaded, weights)
    except RuntimeError as error:
        raise ModelError(f"{folder}: the adapter's tensors have other shapes than this base model's.") from error
    loaded.eval()
    return loaded


def trainable_parameters(model: nn.Module) -> tuple[int, int]:
    """Return how many parameters are trained and how many there are, the copies that peft keeps of the head once."""
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    spare = sum(parameter.numel() for name, parameter in model.named_parameters() if ".original_module." in name)
    return trained, sum(parameter.numel() for parameter in model.parameters()) - spare
