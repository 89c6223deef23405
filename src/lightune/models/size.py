"""How big a model is, from its configuration alone."""

from __future__ import annotations

import torch
from transformers import AutoModelForSequenceClassification, PreTrainedConfig

from lightune.models.sources import quiet_transformers

FLOAT32 = 4


def weight_bytes(config: PreTrainedConfig, labels: int) -> int:
    """Bytes of a classifier's weights as lightune holds them, in float32; nothing is loaded or allocated."""
    values = {**config.to_dict(), "num_labels": labels}
    with torch.device("meta"), quiet_transformers():
        model = AutoModelForSequenceClassification.from_config(type(config).from_dict(values))
    return FLOAT32 * sum(int(parameter.numel()) for parameter in model.parameters())
