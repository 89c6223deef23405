"""A frozen trunk that is run once for each text: its states come from the cache wherever a text comes again."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightune.compute.batching import collate
from lightune.compute.state_cache import Filled, StateCache
from lightune.models import Trunk


class CachedTrunk:
    """A trunk and what is kept of it. A text that is not kept has its states computed anew, so answers are the same.

    pad_id: the padding token's id.
    """

    def __init__(self, trunk: Trunk, cache: StateCache, pad_id: int) -> None:
        self.trunk = trunk
        self.cache = cache
        self.pad_id = pad_id
        self._replaying = False

    def fill(self, texts: Sequence[NDArray[np.int32]], on_rows: Callable[[int], None] | None = None) -> Filled:
        """Have the states of `texts` (token ids, each an array) kept, as far as there is room."""
        device = next(self.trunk.model.parameters()).device
        half = device.type == "cuda" and torch.cuda.is_bf16_supported()

        def compute(batch: list[int]) -> list[Tensor]:
            rows = {name: one.to(device) for name, one in collate([texts[at] for at in batch], self.pad_id).items()}
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
                states = self.trunk.states(**rows)
            return [states[row, : len(texts[at])] for row, at in enumerate(batch)]

        return self.cache.fill(texts, compute, on_rows)

    @contextmanager
    def replayed(self, input_ids: Tensor | None, attention_mask: Tensor | None) -> Iterator[None]:
        """Within it a forward pass of these rows, right-padded [rows, tokens], takes the trunk's states from the cache.

        Rows that are not right-padded, or are no ids, go through the whole model.
        """
        if self._replaying or input_ids is None or attention_mask is None or not _right_padded(attention_mask):
            yield
            return
        self._replaying = True
        try:
            with self.trunk.replayed(self._states(input_ids, attention_mask)):
                yield
        finally:
            self._replaying = False

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Within it each forward pass of the model, with or without an adapter, is `replayed`.

        The override sits on the instance, as that of the pooling does, so that it works below a peft wrapper.
        """
        model: Any = self.trunk.model
        stock = model.forward

        @functools.wraps(stock.__func__)
        def forward(
            own: Any,  # noqa: ARG001
            input_ids: Tensor | None = None,
            attention_mask: Tensor | None = None,
            **kwargs: Any,
        ) -> Any:
            with self.replayed(input_ids, attention_mask):
                return stock(input_ids=input_ids, attention_mask=attention_mask, **kwargs)

        model.forward = types.MethodType(forward, model)
        try:
            yield
        finally:
            model.forward = stock

    def _states(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """States [rows, tokens, width] of padded rows, zeros where padding is."""
        ids = input_ids.cpu().numpy().astype(np.int32)
        lengths = attention_mask.sum(dim=1).tolist()
        states = torch.zeros((*input_ids.shape, self.cache.width))
        missing = []
        for row, length in enumerate(lengths):
            found = self.cache.get(ids[row, :length])
            if found is None:
                missing.append(row)
            else:
                states[row, :length] = found
        self.cache.release()
        states = states.to(input_ids.device)
        if missing:
            fresh = self.trunk.states(input_ids[missing], attention_mask[missing]).to(states.dtype)
            states[missing] = fresh * attention_mask[missing][:, :, None]
        return states


def _right_padded(mask: Tensor) -> bool:
    return mask.dim() == 2 and bool((mask[:, 1:] <= mask[:, :-1]).all()) and bool((mask[:, 0] == 1).all())
