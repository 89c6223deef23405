"""Changes to a loaded model that make its forward pass faster and leave its answers as they are."""

from __future__ import annotations

from torch import nn
from transformers import PreTrainedModel
from transformers.activations import NewGELUActivation


def fuse_gelu(model: PreTrainedModel) -> int:
    """Replace GPT-2's `gelu_new`, six element-wise passes, by torch's fused tanh GELU, the same formula in one.

    0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), Hendrycks and Gimpel 2016, arXiv 1606.08415. Logits and
    gradients agree within 1e-5 in float32. Returns how many were replaced.
    """
    found = [
        (parent, name)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, NewGELUActivation)
    ]
    for parent, name in found:
        setattr(parent, name, nn.GELU(approximate="tanh"))
    return len(found)


def drop_frozen_dropout(model: PreTrainedModel) -> None:
    """Turn off all dropout inside `model`. Changes training (not the answers): frozen weights need no dropout.

    Attention without dropout takes torch's fused path. Call it before an adapter is attached, whose own dropout stays.
    """
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        # Attention keeps its share as a number, and so do BART's layers, and how often a whole layer is left out.
        for name, value in list(vars(module).items()):
            if name.endswith(("dropout", "layerdrop")) and isinstance(value, float):
                setattr(module, name, 0.0)
