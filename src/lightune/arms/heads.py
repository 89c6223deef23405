"""Several untrained heads on one backbone, measured in one forward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from lightune.models import draw_head


class ManyHeads(nn.Module):
    """A classifier that answers once for each of several seeds of its head; logits are [rows, seeds, labels].

    Works for any architecture: the backbone's output is computed once a batch and handed to each head's pass in turn.
    drawn: names of the head's random parameters.
    """

    def __init__(self, model: PreTrainedModel, drawn: tuple[str, ...], seeds: tuple[int, ...]) -> None:
        super().__init__()
        self.model = model
        self.config = model.config
        self.heads = [self._draw(drawn, seed) for seed in seeds]
        self._restore(drawn, self.heads[0])

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None, **kwargs: Any
    ) -> SequenceClassifierOutput:
        """Logits [rows, seeds, labels]; the loss is the first head's."""
        backbone = getattr(self.model, self.model.base_model_prefix)
        compute = backbone.forward
        kept: list[Any] = []

        def once(*args: Any, **kwargs: Any) -> Any:
            if not kept:
                kept.append(compute(*args, **kwargs))
            return kept[0]

        backbone.forward = once
        try:
            inputs = {"input_ids": input_ids, "attention_mask": attention_mask, **kwargs}
            each = [functional_call(self.model, head, kwargs=inputs).logits for head in self.heads]
        finally:
            del backbone.forward
        logits = torch.stack(each, dim=1)
        loss = None if labels is None else nn.functional.cross_entropy(logits[:, 0].float(), labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)

    def _draw(self, drawn: tuple[str, ...], seed: int) -> dict[str, Tensor]:
        draw_head(self.model, drawn, seed)
        return {name: self.model.get_parameter(name).detach().clone() for name in drawn}

    def _restore(self, drawn: tuple[str, ...], head: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name in drawn:
                self.model.get_parameter(name).copy_(head[name])
