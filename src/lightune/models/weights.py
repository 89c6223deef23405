"""The one call of `from_pretrained`: the same care for classifiers and language models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import PreTrainedModel

from lightune.errors import ModelError
from lightune.models.sources import ModelSource, quiet_transformers


@dataclass(frozen=True)
class Weights:
    """A model in float32, and the sorted names of parameters that the checkpoint lacks or has in another shape."""

    model: PreTrainedModel
    missing: tuple[str, ...]
    mismatched: tuple[str, ...]


def read_weights(auto: Any, source: ModelSource, **options: Any) -> Weights:
    """Load `source` by one of transformers' Auto classes; a folder without weights has them drawn.

    options: for the configuration, such as num_labels. Safetensors only, no remote code. Raises ModelError.
    """
    with quiet_transformers():
        if source.untrained:
            config = type(source.config).from_dict({**source.config.to_dict(), **options})
            return Weights(auto.from_config(config, dtype=torch.float32), (), ())
        try:
            model, info = auto.from_pretrained(
                source.location,
                dtype=torch.float32,
                trust_remote_code=False,
                use_safetensors=True,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **options,
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ModelError(f"--model {source.name}: its weights could not be loaded ({reason}).") from error
    mismatched = {item[0] if isinstance(item, tuple) else item for item in info["mismatched_keys"]}
    return Weights(model, tuple(sorted(info["missing_keys"])), tuple(sorted(mismatched)))
