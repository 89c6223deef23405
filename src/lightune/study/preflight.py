"""What can be known to be wrong with the model before anything is written or any weight is loaded."""

from __future__ import annotations

from lightune.config import StudyConfig
from lightune.records import Splits


def check_model(config: StudyConfig, splits: Splits) -> str | None:
    """Find the model, its tokenizer, the cut, and what the arms ask of its layers. Raises InputError.

    Returns the digest of a local model's weights, None for the hub's.
    """
    import torch
    from transformers import AutoModelForSequenceClassification

    from lightune.methods import attach_lora
    from lightune.models import (
        find_model,
        head_modules,
        load_tokenizer,
        quiet_transformers,
        resolve_max_length,
        weights_digest,
    )

    source = find_model(config.model.source)
    resolve_max_length(config.model.max_length, source.config, load_tokenizer(source))
    if "lora" in config.arms:
        shape = type(source.config).from_dict({**source.config.to_dict(), "num_labels": len(splits.label_names)})
        with torch.device("meta"), quiet_transformers():
            model = AutoModelForSequenceClassification.from_config(shape)
            attach_lora(model, head_modules(model), config.lora)
    return weights_digest(source)
