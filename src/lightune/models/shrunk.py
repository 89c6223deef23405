"""A model of the same architecture and width as another, with a few layers and no trained weights: what can be asked of
an architecture without loading it."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, PreTrainedConfig, PreTrainedModel

from lightune.models.pooling import pool_by_mask
from lightune.models.sources import quiet_transformers

BLOCKS, VOCABULARY = 2, 2048
DEPTHS = ("num_hidden_layers", "encoder_layers", "decoder_layers", "num_layers", "num_decoder_layers")


def shrunk_classifier(config: PreTrainedConfig, labels: int, seed: int = 0, whole: bool = False) -> PreTrainedModel:
    """Make a classifier of `labels` labels like `config`, its blocks and its vocabulary cut unless it is to be `whole`;
    weights from `seed`."""
    with torch.random.fork_rng(), quiet_transformers():
        torch.manual_seed(seed)
        values = {**config.to_dict(), "num_labels": labels}
        asked = type(config).from_dict(values) if whole else shrunk(config, labels)
        model: PreTrainedModel = AutoModelForSequenceClassification.from_config(asked)
    pool_by_mask(model)
    model.eval()
    return model


def shrunk(config: PreTrainedConfig, labels: int = 2) -> PreTrainedConfig:
    """The configuration of such a model. Special tokens beyond the vocabulary that is left become its last ones."""
    values = config.to_dict()
    own = {str(getattr(type(config), "attribute_map", {}).get(name, name)) for name in DEPTHS}
    for name in own:
        if isinstance(values.get(name), int):
            values[name] = min(values[name], BLOCKS)
    if isinstance(values.get("layer_types"), list):
        values["layer_types"] = values["layer_types"][:BLOCKS]
    vocabulary = min(int(config.vocab_size), VOCABULARY)
    values["vocab_size"] = vocabulary
    for name in [name for name in values if name.endswith("_token_id")]:
        values[name] = _within(values[name], vocabulary)
    values.pop("id2label", None)
    values.pop("label2id", None)
    small: PreTrainedConfig = type(config).from_dict({**values, "num_labels": labels})
    if small.pad_token_id is None:
        small.pad_token_id = 0
    return small


def _within(token: Any, vocabulary: int) -> Any:
    return vocabulary - 1 if isinstance(token, int) and token >= vocabulary else token
