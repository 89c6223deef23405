"""An adapter folded into its base: what comes out is a stock model of transformers."""

from __future__ import annotations

from typing import Any

import peft
from torch import nn
from transformers import PreTrainedModel

from lightune.errors import ModelError


def merge(model: nn.Module) -> PreTrainedModel:
    """Fold the adapter of `model` (a freshly loaded classifier, with an adapter or without) into its weights.

    Changes `model` in place. Raises ModelError, with the reason, where the method has no weights to fold.
    """
    if isinstance(model, PreTrainedModel):
        return model
    assert isinstance(model, peft.PeftModel)
    tuner: Any = model.base_model
    if not hasattr(tuner, "merge_and_unload"):
        kind = str(getattr(model.active_peft_config, "peft_type", "?"))
        raise ModelError(f"An adapter of the method {kind} cannot be merged: it adds inputs, not weights.")
    try:
        merged: PreTrainedModel = tuner.merge_and_unload(safe_merge=True)
    except (ValueError, NotImplementedError) as error:
        raise ModelError(f"This adapter cannot be merged: {error}") from error
    return merged
