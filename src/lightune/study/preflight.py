"""What can be known to be wrong with the model or the training before anything is written or any weight is loaded."""

from __future__ import annotations

import numpy as np

from lightune.config import StudyConfig
from lightune.errors import ConfigError
from lightune.evaluation import RANKED
from lightune.records import Splits


def check_selection(config: StudyConfig, splits: Splits) -> None:
    """Raise ConfigError when the metric that chooses the best step is not defined on the validation rows."""
    counts = np.bincount(splits.validation.labels, minlength=len(splits.label_names))
    absent = [name for name, count in zip(splits.label_names, counts, strict=True) if count == 0]
    metric = config.training.select_by
    if metric in RANKED and absent:
        raise ConfigError(
            f"--select-by {metric}: it is not defined where a label is missing, and the validation rows have none of "
            f"{absent[0]!r}. Raise --validation-size, or select by loss."
        )


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
        with torch.device("meta"), quiet_transformers():
            shape = type(source.config).from_dict({**source.config.to_dict(), "num_labels": len(splits.label_names)})
            model = AutoModelForSequenceClassification.from_config(shape)
            attach_lora(model, head_modules(model), config.lora)
    return weights_digest(source)
