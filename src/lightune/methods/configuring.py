"""A method's options as one of peft's configurations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import peft
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from transformers import PreTrainedModel

from lightune.catalogue import BLOCKS, EMBEDDING, LINEAR, NORMS, PROMPT, Method
from lightune.errors import ConfigError
from lightune.methods.layers import asked_layers, has_conv1d, in_top_blocks, norm_layers, shape_of, shortened, sides
from lightune.methods.tuners import TUNERS_RAISE, quiet_peft, sentence

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
# Where peft draws from a generator of the method's own, which would be the same in each of a study's seeds.
OWN_SEEDS = ("projection_prng_key", "projection_seed", "proj_seed", "random_loc_seed", "random_seed")


def peft_config(
    model: PreTrainedModel,
    head: Sequence[str],
    method: Method,
    options: Mapping[str, Any] | None = None,
    *,
    steps: int = 1,
    seed: int = 0,
    target_modules: Sequence[str] | None = None,
    top_blocks: int | None = None,
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
    values |= _targets(model, head, method, target_modules, top_blocks)
    # peft looks for a name's end: P-tuning's own `mlp_head` and ShadowPEFT's `shadow_head` would be taken for
    # ModernBERT's head.
    whole = [f".{name}" for name in head] if method.targets in (PROMPT, BLOCKS) else list(head)
    values |= {"modules_to_save": whole, "fan_in_fan_out": has_conv1d(model)}
    values = {name: value for name, value in values.items() if name in known}
    try:
        with quiet_peft():
            return kind(task_type=peft.TaskType.SEQ_CLS, **values)
    except TUNERS_RAISE as error:
        raise ConfigError(f"--set {method.name}: {sentence(error)}") from error


def option_names(method: Method) -> tuple[str, ...]:
    """The names of peft's options of `method` that are the user's to set."""
    if method.peft is None:
        return ()
    kind = PEFT_TYPE_TO_CONFIG_MAPPING[peft.PeftType(method.peft)]
    common = {field.name for field in fields(peft.PeftConfig)}
    return tuple(sorted({field.name for field in fields(kind)} - common - set(OWN_OPTIONS)))


def _targets(
    model: PreTrainedModel, head: Sequence[str], method: Method, asked: Sequence[str] | None, top_blocks: int | None
) -> dict[str, Any]:
    """Which modules the method changes, in peft's words. Raises ModelError where the model has none."""
    if method.targets == NORMS:
        return {"target_modules": in_top_blocks(model, norm_layers(model, head), top_blocks)}
    if method.targets == EMBEDDING:
        embedding = model.get_input_embeddings()
        return {"target_modules": [name for name, module in model.named_modules() if module is embedding]}
    if method.targets == PROMPT:
        return _widths(model)
    if method.targets != LINEAR:
        return {}
    layers = asked_layers(model, head, asked, top_blocks)
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
