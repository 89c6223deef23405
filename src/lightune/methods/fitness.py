"""Why a method cannot be put on an architecture, where peft would only trip: in words, before it is tried."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from peft.tuners.adaption_prompt.config import TRANSFORMERS_MODEL_CONFIG
from torch import nn
from transformers import PreTrainedModel

from lightune.catalogue import BIASES, BLOCKS, EMBEDDING, LINEAR, NORMS, Method
from lightune.methods.layers import bias_names, norm_layers

# peft takes each of these for the list of a model's blocks.
BLOCK_LISTS = ("layers", "h")


def why_not_on(model: PreTrainedModel, head: tuple[str, ...], method: Method) -> str | None:
    """Say what `method` needs that the architecture of `model` lacks; None where nothing is known to be lacking."""
    has = _BY_NAME.get(method.name)
    there = has(model) if has is not None else True
    if method.targets == NORMS:
        there = bool(norm_layers(model, head))
    if method.targets == BIASES:
        there = bool(bias_names(model, head))
    if method.targets == EMBEDDING:
        # Both halves of an encoder-decoder look tokens up, each in a module of its own with the same weight.
        there = not model.config.is_encoder_decoder
    if method.targets == BLOCKS:
        there = _has_blocks(model)
    return None if there else f"it needs {method.needs}, which this architecture does not have"


def why_not_on_top(method: Method) -> str | None:
    """Say why `method` cannot be kept to a model's upper blocks; None where it can."""
    if method.targets in (LINEAR, NORMS, BIASES):
        return None
    where = "stands beside all of them" if method.targets == BLOCKS else "changes what the model reads"
    return f"it {where}, and has nothing that could be put on the upper blocks alone"


def _takes_past(model: PreTrainedModel) -> bool:
    # A prefix's length is not that of what an encoder-decoder's cross-attention reads.
    taken = inspect.signature(model.base_model.forward).parameters
    return "past_key_values" in taken and not model.config.is_encoder_decoder


def _takes_embeddings(model: PreTrainedModel) -> bool:
    # An encoder-decoder's decoder reads the text's tokens again.
    return not model.config.is_encoder_decoder


def _rows_alone(model: PreTrainedModel) -> bool:
    # DeBERTa puts its one table of relative positions through the same layers as the texts.
    return not getattr(model.config, "relative_attention", False)


def _has_blocks(model: PreTrainedModel) -> bool:
    places = (model.base_model, getattr(model.base_model, "decoder", None))
    return any(isinstance(getattr(place, name, None), nn.ModuleList) for place in places for name in BLOCK_LISTS)


def _known_attention(model: PreTrainedModel) -> bool:
    return model.config.model_type in TRANSFORMERS_MODEL_CONFIG


_BY_NAME: dict[str, Callable[[PreTrainedModel], bool]] = {
    "poly": _rows_alone,
    "prompt-tuning": _takes_embeddings,
    "multitask-prompt-tuning": _takes_embeddings,
    "p-tuning": _takes_embeddings,
    "prefix-tuning": _takes_past,
    "cartridge": _takes_past,
    "adaption-prompt": _known_attention,
}
