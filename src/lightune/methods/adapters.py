"""Adapters on disk, in peft's own format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import PreTrainedModel

from lightune.catalogue import METHODS, Method
from lightune.errors import ModelError
from lightune.methods.attach import make_task_free
from lightune.methods.tuners import TUNERS_RAISE, quiet_peft
from lightune.methods.untrusted import CONFIG, WEIGHTS, check_adapter_folder, read_adapter_config
from lightune.models import to_linear

ADAPTER_FILE = WEIGHTS


def is_adapter(folder: Path) -> bool:
    """Whether `folder` holds an adapter that peft wrote."""
    return (folder / CONFIG).exists() or (folder / CONFIG).is_symlink()


def adapter_config(folder: Path) -> Any:
    """Read an adapter's configuration, checked first. Raises ModelError."""
    read_adapter_config(folder)
    try:
        with quiet_peft():
            return peft.PeftConfig.from_pretrained(str(folder))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{folder}: its adapter_config.json cannot be used ({error}).") from error


def method_of(config: Any) -> Method | None:
    """The catalogue's entry of an adapter's configuration; None for a method that it does not have."""
    kind = getattr(config.peft_type, "value", config.peft_type)
    return next((method for method in METHODS.values() if method.peft == kind and method.variant_of is None), None)


def save_adapter(model: nn.Module, folder: Path, base: str) -> None:
    """Write the adapter of a peft model into `folder`. base: where its base model is loaded from here."""
    assert isinstance(model, peft.PeftModel)
    config = model.active_peft_config
    config.base_model_name_or_path = base
    if getattr(config, "rank_pattern", None) and config.peft_type is peft.PeftType.ADALORA:
        # Of the last step, which need not be the best one. Ranks that were given up are zeros, and are saved as such.
        config.rank_pattern = None
    # peft would write them in an order that each process draws anew.
    unordered = {name: value for name, value in vars(config).items() if isinstance(value, set)}
    vars(config).update({name: sorted(value) for name, value in unordered.items()})
    try:
        with quiet_peft():
            model.save_pretrained(str(folder), save_embedding_layers=False)
    finally:
        vars(config).update(unordered)


def load_adapter(model: PreTrainedModel, folder: Path) -> nn.Module:
    """Put the adapter in `folder` on `model`, every tensor accounted for. Raises ModelError.

    Where its method knows Linear layers alone, GPT-2's Conv1D in `model` become such first.
    """
    check_adapter_folder(folder)
    config = adapter_config(folder)
    config.inference_mode = True
    config.base_model_name_or_path = None  # the caller has found the base; peft would warn when it has moved
    _check_blocks(model, config, folder)
    method = method_of(config)
    converted = to_linear(model) if method is not None and not method.conv1d else ()
    try:
        with quiet_peft():
            loaded: nn.Module = peft.get_peft_model(model, config)
    except TUNERS_RAISE as error:
        raise ModelError(
            f"{folder}: the adapter is for layers that this base model does not have. "
            "Name the base model it was trained on."
        ) from error
    loaded.converted_layers = converted  # type: ignore[assignment]
    make_task_free(loaded)
    _fill(loaded, _tensors(folder), folder)
    loaded.eval()
    return loaded


def trainable_parameters(model: nn.Module) -> tuple[int, int]:
    """Return how many parameters are trained and how many there are, the copies that peft keeps of the head once."""
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    spare = sum(parameter.numel() for name, parameter in model.named_parameters() if ".original_module." in name)
    return trained, sum(parameter.numel() for parameter in model.parameters()) - spare


def _check_blocks(model: PreTrainedModel, config: Any, folder: Path) -> None:
    """Refuse a prompt for another number of blocks: one that is passed beside the text fits any model of its width."""
    blocks = getattr(model.config, "num_hidden_layers", None)
    asked = config.num_layers if isinstance(config, peft.PromptLearningConfig) else None
    if None not in (asked, blocks) and asked != blocks:
        raise ModelError(
            f"{folder}: the adapter is for a model of {asked} blocks, and this base model has {blocks}. Name the base "
            "model it was trained on."
        )


def _tensors(folder: Path) -> dict[str, Tensor]:
    """The adapter's tensors, all of them finite. Raises ModelError."""
    try:
        weights: dict[str, Tensor] = peft.load_peft_weights(str(folder), device="cpu")
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{folder}: its {ADAPTER_FILE} cannot be read ({error}).") from error
    odd = next((name for name, tensor in weights.items() if not bool(torch.isfinite(tensor).all())), None)
    if odd is not None:
        raise ModelError(f"{folder}: finite numbers are expected, but {odd} in {ADAPTER_FILE} has others. Train again.")
    return weights


def _fill(loaded: nn.Module, weights: dict[str, Tensor], folder: Path) -> None:
    expected = peft.get_peft_model_state_dict(loaded, save_embedding_layers=False)
    wanted = set(expected)
    if wanted != set(weights):
        missing, odd = sorted(wanted - set(weights)), sorted(set(weights) - wanted)
        raise ModelError(
            f"{folder}: the adapter does not fit this base model: {len(missing)} tensors are missing and {len(odd)} do "
            f"not belong ({(missing or odd)[0]}). Name the base model it was trained on."
        )
    for name in sorted(wanted):
        if expected[name].shape != weights[name].shape:
            raise ModelError(
                f"{folder}: {name} has the shape {tuple(weights[name].shape)}, and this base model with these labels "
                f"takes {tuple(expected[name].shape)}. Name the base model and the labels it was trained on."
            )
    try:
        with quiet_peft():
            peft.set_peft_model_state_dict(loaded, weights)
    except (RuntimeError, ValueError, KeyError) as error:
        raise ModelError(f"{folder}: the adapter's tensors do not fit this base model ({error}).") from error
