"""Several untrained heads on one backbone, measured in one forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from lightune.models import draw_head


class ManyHeads(nn.Module):
    """A classifier that answers once for each of several seeds of its head; logits are [rows, seeds, labels].

    Works for any architecture: the parts of the backbone that hold no random parameter are computed once a batch, and
    their output is handed to each head's pass in turn. drawn: names of the head's random parameters.
    """

    def __init__(self, model: PreTrainedModel, drawn: tuple[str, ...], seeds: tuple[int, ...]) -> None:
        super().__init__()
        self.model = model
        self.config = model.config
        self.heads = [self._draw(drawn, seed) for seed in seeds]
        self._restore(drawn, self.heads[0])
        self.shared = unaffected(getattr(model, model.base_model_prefix), model.base_model_prefix, drawn)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None, **kwargs: Any
    ) -> SequenceClassifierOutput:
        """Logits [rows, seeds, labels]; the loss is the first head's."""
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask, **kwargs}
        with computed_once(self.shared):
            each = [functional_call(self.model, head, kwargs=inputs).logits for head in self.heads]
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


def unaffected(module: nn.Module, name: str, drawn: tuple[str, ...]) -> list[nn.Module]:
    """Return the largest parts of `module` (called `name`) that hold none of the `drawn` parameters.

    That is the module itself, unless a drawn part lies inside, such as the pooler of a BERT that a language model
    saved. Parts without parameters may come after a drawn one, as the pooler's activation does, and are left alone.
    """
    if next(module.parameters(), None) is None:
        return []
    if not any(parameter.startswith(f"{name}.") for parameter in drawn):
        return [module]
    parts = [unaffected(child, f"{name}.{own}", drawn) for own, child in module.named_children()]
    return [part for found in parts for part in found]


@contextmanager
def computed_once(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Within it each of `modules` computes at its first call and answers each later one with the same output."""
    for module in modules:
        module.forward = _once(module.forward)
    try:
        yield
    finally:
        for module in modules:
            del module.forward


def _once(compute: Callable[..., Any]) -> Callable[..., Any]:
    kept: list[Any] = []

    def forward(*args: Any, **kwargs: Any) -> Any:
        if not kept:
            kept.append(compute(*args, **kwargs))
        return kept[0]

    return forward
