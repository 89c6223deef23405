"""A method put on a model: frozen base, trained adapter and head."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import peft
import torch
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from torch import nn
from transformers import PreTrainedModel

from lightune.catalogue import BLOCKS, EMBEDDING, LINEAR, NORMS, PROMPT, Method
from lightune.errors import ConfigError, ModelError
from lightune.methods.fitness import why_not_on
from lightune.methods.layers import asked_layers, bias_names, has_conv1d, norm_layers, shape_of, shortened, sides
from lightune.models import count_own_tokens, to_linear

# What a peft configuration is built from here, and is nobody's option.
OWN_OPTIONS = (
    "task_type",
    "target_modules",
    "modules_to_save",
    "fan_in_fan_out",
    "feedforward_modules",
    "total_step",
    # Ways to begin have arms of their own, which know what belongs to them.
    "init_lora_weights",
    "eva_config",
    "corda_config",
    "loftq_config",
    "lora_ga_config",
)
TASKS = "task_ids"
# Each tuner says in its own way that a model or an option is not for it.
TUNERS_RAISE = (
    ValueError,
    TypeError,
    AttributeError,
    RuntimeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    ImportError,
    OSError,
)
# Where peft draws from a generator of the method's own, which would be the same in each of a study's seeds.
OWN_SEEDS = ("projection_prng_key", "projection_seed", "proj_seed", "random_loc_seed", "random_seed")


def attach(
    model: PreTrainedModel,
    head: Sequence[str],
    method: Method,
    options: Mapping[str, Any] | None = None,
    *,
    steps: int = 1,
    seed: int = 0,
    target_modules: Sequence[str] | None = None,
) -> nn.Module:
    """Freeze `model`, put `method` on it and leave its parameters and the modules of the `head` to be trained.

    options: beside the catalogue's, which they override. steps: of the training to come. seed: of whatever is drawn at
    random; the global generator is left as it was. GPT-2's Conv1D becomes Linear in place where the method needs it.
    Raises ConfigError for options or targets that do not fit, ModelError where the method cannot be put on this model.
    """
    why = why_not_on(model, tuple(head), method)
    if why is not None:
        raise ModelError(f"{method.title} cannot be put on this model: {why}.")
    converted = () if method.conv1d else to_linear(model)
    if method.peft is None:
        if options:
            raise ConfigError(f"--set {method.name}.{next(iter(options))}: {method.title} has no options.")
        return _biases(model, head)
    config = peft_config(model, head, method, options, steps=steps, seed=seed, target_modules=target_modules)
    try:
        with torch.random.fork_rng(), quiet_peft():
            torch.manual_seed(seed)
            adapted = peft.get_peft_model(model, config)
    except TUNERS_RAISE as error:
        raise ModelError(f"{method.title} cannot be put on this model: {_sentence(error)}") from error
    adapted.converted_layers = converted  # type: ignore[assignment]
    make_task_free(adapted)
    count_own_tokens(adapted)
    if not method.saves_head:
        train_head(adapted, head)
    return adapted


def peft_config(
    model: PreTrainedModel,
    head: Sequence[str],
    method: Method,
    options: Mapping[str, Any] | None = None,
    *,
    steps: int = 1,
    seed: int = 0,
    target_modules: Sequence[str] | None = None,
) -> peft.PeftConfig:
    """Make peft's configuration of `method` for this model, as `attach` uses it. Raises ConfigError."""
    kind = PEFT_TYPE_TO_CONFIG_MAPPING[peft.PeftType(method.peft)]
    known = {field.name for field in fields(kind)}
    asked = dict(options or {})
    for name in asked:
        if name not in option_names(method):
            raise ConfigError(
                f"--set {method.name}.{name}: it is no option of {method.title}; there are "
                f"{', '.join(option_names(method))}."
            )
    values = {**dict.fromkeys(OWN_SEEDS, seed), **method.resolved(shape_of(model, head, steps)), **asked}
    values |= _targets(model, head, method, target_modules)
    # peft looks for a name's end: P-tuning's own `mlp_head` and ShadowPEFT's `shadow_head` would be taken for
    # ModernBERT's head.
    whole = [f".{name}" for name in head] if method.targets in (PROMPT, BLOCKS) else list(head)
    values |= {"modules_to_save": whole, "fan_in_fan_out": has_conv1d(model)}
    values = {name: value for name, value in values.items() if name in known}
    try:
        with quiet_peft():
            return kind(task_type=peft.TaskType.SEQ_CLS, **values)
    except TUNERS_RAISE as error:
        raise ConfigError(f"--set {method.name}: {_sentence(error)}") from error


def option_names(method: Method) -> tuple[str, ...]:
    """The names of peft's options of `method` that are the user's to set."""
    if method.peft is None:
        return ()
    kind = PEFT_TYPE_TO_CONFIG_MAPPING[peft.PeftType(method.peft)]
    common = {field.name for field in fields(peft.PeftConfig)}
    return tuple(sorted({field.name for field in fields(kind)} - common - set(OWN_OPTIONS)))


@contextlib.contextmanager
def quiet_peft() -> Iterator[None]:
    """Keep what tuners warn of from the terminal: defaults that are chosen here on purpose."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def _targets(
    model: PreTrainedModel, head: Sequence[str], method: Method, asked: Sequence[str] | None
) -> dict[str, Any]:
    """Which modules the method changes, in peft's words. Raises ModelError where the model has none."""
    if method.targets == NORMS:
        return {"target_modules": norm_layers(model, head)}
    if method.targets == EMBEDDING:
        embedding = model.get_input_embeddings()
        return {"target_modules": [name for name, module in model.named_modules() if module is embedding]}
    if method.targets == PROMPT:
        return _widths(model)
    if method.targets != LINEAR:
        return {}
    layers = asked_layers(model, head, asked)
    width = int(model.config.hidden_size)
    # What feeds back into the hidden states from a wider layer; IA3 scales its input, of all others the output.
    narrowing = [name for name in layers if sides(model.get_submodule(name))[0] > width]
    if method.name == "ia3":  # peft asks that the one list be part of the other, name by name
        return {"target_modules": layers, "feedforward_modules": narrowing}
    return {"target_modules": shortened(model, layers)}


def _widths(model: PreTrainedModel) -> dict[str, Any]:
    """What peft reads off a configuration, where it does not know the names that it has there (DistilBERT's)."""
    if {"hidden_size", "n_embd", "d_model"} & set(model.config.to_dict()):
        return {}
    config = model.config
    return {
        "token_dim": int(config.hidden_size),
        "num_layers": int(config.num_hidden_layers),
        "num_attention_heads": int(config.num_attention_heads),
    }


def _sentence(error: BaseException) -> str:
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= 200 else f"{said[:199]}…"


def virtual_tokens(model: nn.Module) -> int:
    """How many of the model's positions an adapter takes for tokens of its own."""
    return int(getattr(getattr(model, "active_peft_config", None), "num_virtual_tokens", None) or 0)


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


def _biases(model: PreTrainedModel, head: Sequence[str]) -> nn.Module:
    model.requires_grad_(False)
    for name in bias_names(model, head):
        model.get_parameter(name).requires_grad_(True)
    train_head(model, head)
    return model
