"""A classifier as one graph of tensor operations, for what traces it: no branch depends on what a tensor holds."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D


class TracedClassifier(nn.Module):
    """Logits [rows, labels] from `input_ids` and `attention_mask`, int64 [rows, tokens], as `pool_by_mask` gives them.

    Tokens are moved to the start of their row, so padding may stand on either side. A row without any token is read as
    one padding token, as lightune reads an empty text. `model` is changed in place: GPT-2's Conv1D becomes the linear
    layer it is, which converters know.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        linearise(model)
        self.model = model
        self.pad_id = int(model.config.pad_token_id)
        self.pools_last = isinstance(getattr(model, "score", None), nn.Linear)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Align, run, pool by the mask."""
        ids, mask = align(input_ids, attention_mask, self.pad_id)
        if not self.pools_last:
            # The class's forward: the one on the instance asks what the mask holds.
            logits: Tensor = type(self.model).forward(self.model, input_ids=ids, attention_mask=mask).logits
            return logits
        backbone = getattr(self.model, self.model.base_model_prefix)
        hidden = backbone(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        last = (mask.sum(dim=1) - 1).view(-1, 1, 1).expand(-1, 1, hidden.shape[-1])
        head = cast(nn.Module, self.model.score)
        pooled: Tensor = head(hidden.gather(1, last).squeeze(1))
        return pooled


def align(input_ids: Tensor, attention_mask: Tensor, pad_id: int) -> tuple[Tensor, Tensor]:
    """Move each row's tokens to its start, in their order, and padding behind them. A row without a token gets one."""
    mask = attention_mask.to(torch.int64)
    tokens = mask.sum(dim=1, keepdim=True)
    # Where each column goes: the n-th token to place n, the n-th padding behind all tokens.
    place = torch.where(mask > 0, mask.cumsum(dim=1) - 1, tokens + (1 - mask).cumsum(dim=1) - 1)
    ids = torch.where(mask > 0, input_ids, torch.full_like(input_ids, pad_id))
    aligned = torch.zeros_like(ids).scatter(1, place, ids)
    columns = torch.ones_like(mask).cumsum(dim=1) - 1
    return aligned, (columns < tokens.clamp(min=1)).to(torch.int64)


def linearise(model: nn.Module) -> None:
    """Replace each Conv1D of GPT-2 by the torch.nn.Linear with the same weights, in place."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Conv1D):
                rows, columns = child.weight.shape
                linear = nn.Linear(rows, columns, bias=True)
                linear.weight = nn.Parameter(child.weight.detach().t().contiguous(), requires_grad=False)
                linear.bias = nn.Parameter(child.bias.detach(), requires_grad=False)
                setattr(parent, name, linear)
