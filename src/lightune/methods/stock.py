"""An adapter as stock peft loads it, to see that it does."""

from __future__ import annotations

import warnings
from pathlib import Path

import peft
from torch import nn
from transformers import PreTrainedModel


def stock_adapter(base: PreTrainedModel, folder: Path) -> nn.Module:
    """Put the adapter in `folder` on `base`, a stock classifier, with nothing but peft's own call."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)
        model: nn.Module = peft.PeftModel.from_pretrained(base, str(folder))
    return model.eval()
