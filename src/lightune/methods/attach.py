"""A method put on a model: frozen base, trained adapter and head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import peft
import torch
from torch import nn
from transformers import PreTrainedModel

from lightune.catalogue import Method
from lightune.errors import ConfigError, ModelError
from lightune.methods.configuring import peft_config
from lightune.methods.fitness import why_not_on, why_not_on_top
from lightune.methods.layers import bias_names, in_top_blocks
from lightune.methods.tuners import TUNERS_RAISE, quiet_peft, sentence
from lightune.models import count_own_tokens, first_adapted, to_linear

TASKS = "task_ids"


def attach(
    model: PreTrainedModel,
    head: Sequence[str],
    method: Method,
    options: Mapping[str, Any] | None = None,
    *,
    steps: int = 1,
    seed: int = 0,
    target_modules: Sequence[str] | None = None,
    top_blocks: int | None = None,
) -> nn.Module:
    """Freeze `model`, put `method` on it and leave its parameters and the modules of the `head` to be trained.

    options: beside the catalogue's, which they override. steps: of the training to come. seed: of whatever is drawn at
    random; the global generator is left as it was. top_blocks: how many of the model's blocks, from the top, the method
    is put on; None: all, and what stands beside them. GPT-2's Conv1D becomes Linear in place where the method needs it.
    Raises ConfigError for options or targets that do not fit, ModelError where the method cannot be put on this model.
    """
    why = why_not_on(model, tuple(head), method)
    if why is not None:
        raise ModelError(f"{method.title} cannot be put on this model: {why}.")
    if top_blocks is not None:
        why = why_not_on_top(method)
        if why is not None:
            raise ConfigError(f"--top-blocks {top_blocks}: {method.title} cannot be kept to the upper blocks: {why}.")
        first_adapted(model, top_blocks)
    converted = () if method.conv1d else to_linear(model)
    if method.peft is None:
        if options:
            raise ConfigError(f"--set {method.name}.{next(iter(options))}: {method.title} has no options.")
        return _biases(model, head, top_blocks)
    config = peft_config(
        model, head, method, options, steps=steps, seed=seed, target_modules=target_modules, top_blocks=top_blocks
    )
    try:
        with torch.random.fork_rng(), quiet_peft():
            torch.manual_seed(seed)
            adapted = peft.get_peft_model(model, config)
    except TUNERS_RAISE as error:
        raise ModelError(f"{method.title} cannot be put on this model: {sentence(error)}") from error
    adapted.converted_layers = converted  # type: ignore[assignment]
    make_task_free(adapted)
    count_own_tokens(adapted)
    if not method.saves_head:
        train_head(adapted, head)
    return adapted


def make_task_free(model: nn.Module) -> None:
    """Have `model` answer as for its first task where its method asks which task a text belongs to."""

    def first_task(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:  # noqa: ARG001
        ids = kwargs.get("input_ids")
        if ids is not None and TASKS not in kwargs:
            kwargs = {**kwargs, TASKS: torch.zeros(len(ids), dtype=torch.int64, device=ids.device)}
        return args, kwargs

    config = getattr(model, "active_peft_config", None)
    if getattr(config, "num_tasks", None) or getattr(config, "n_tasks", None):
        model.register_forward_pre_hook(first_task, with_kwargs=True)


def train_head(model: nn.Module, head: Sequence[str]) -> list[str]:
    """Let the head's parameters be trained where peft has frozen them; return their names in `model`."""
    found = [
        name
        for name, _ in model.named_parameters()
        if any(f".{module}." in f".{name}" for module in head) and ".original_module." not in name
    ]
    for name in found:
        model.get_parameter(name).requires_grad_(True)
    return found


def _biases(model: PreTrainedModel, head: Sequence[str], top_blocks: int | None) -> nn.Module:
    model.requires_grad_(False)
    for name in in_top_blocks(model, bias_names(model, head), top_blocks):
        model.get_parameter(name).requires_grad_(True)
    train_head(model, head)
    return model
