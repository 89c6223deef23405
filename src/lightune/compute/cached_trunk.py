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

from lightune.compute.batching import Layout, on_device, pack
from lightune.compute.state_cache import Filled, StateCache
from lightune.models import SEGMENTS, Segments, Trunk, can_pack


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
        layout = Layout(can_pack(self.trunk.model))
        half = device.type == "cuda" and torch.cuda.is_bf16_supported()

        def compute(batch: list[int]) -> list[Tensor]:
            own = [texts[at] for at in batch]
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
                states = self.trunk.states(**on_device(layout.inputs(own, self.pad_id), device))
            if layout.packed:
                lengths = [len(ids) for ids in own]
                return list(states[0, : sum(lengths)].split(lengths))
            return [states[row, : len(ids)] for row, ids in enumerate(own)]

        return self.cache.fill(texts, compute, on_rows)

    @contextmanager
    def replayed(
        self, input_ids: Tensor | None, attention_mask: Tensor | None = None, segments: Segments | None = None
    ) -> Iterator[None]:
        """Within it a forward pass of these rows takes the trunk's states from the cache: right-padded [rows, tokens]
        under a mask, or one packed row [1, tokens] of `segments`.

        Rows that are neither, or are no ids, go through the whole model.
        """
        packed = segments is not None
        if self._replaying or input_ids is None or not (packed or _right_padded(attention_mask)):
            yield
            return
        self._replaying = True
        try:
            found = self._packed_states(input_ids, segments) if segments else self._states(input_ids, attention_mask)
            with self.trunk.replayed(found):
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
            with self.replayed(input_ids, attention_mask, kwargs.get(SEGMENTS)):
                return stock(input_ids=input_ids, attention_mask=attention_mask, **kwargs)

        model.forward = types.MethodType(forward, model)
        try:
            yield
        finally:
            model.forward = stock

    def _packed_states(self, input_ids: Tensor, segments: Segments) -> Tensor:
        """States [1, tokens, width] of a packed row."""
        texts = input_ids[0].cpu().numpy().astype(np.int32)
        own = np.split(texts[: segments.tokens], np.cumsum(segments.lengths)[:-1])
        found = [self.cache.get(ids) for ids in own]
        missing = [at for at, states in enumerate(found) if states is None]
        if missing:
            lengths = [len(own[at]) for at in missing]
            rows = pack([own[at] for at in missing], self.pad_id)
            fresh = self.trunk.states(**on_device(rows, input_ids.device))[0, : sum(lengths)]
            for at, states in zip(missing, fresh.split(lengths), strict=True):
                found[at] = states
        filler = torch.zeros(segments.filler, self.cache.width)
        joined = torch.cat([*(one.float().cpu() for one in found if one is not None), filler])[None]
        self.cache.release()
        return joined.to(input_ids.device)

    def _states(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        """States [rows, tokens, width] of padded rows, zeros where padding is."""
        assert attention_mask is not None
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
            mask = attention_mask[missing]
            fresh = self.trunk.states(input_ids=input_ids[missing], attention_mask=mask).to(states.dtype)
            states[missing] = fresh * mask[:, :, None]
        return states


def _right_padded(mask: Tensor | None) -> bool:
    return (
        mask is not None
        and mask.dim() == 2
        and bool((mask[:, 1:] <= mask[:, :-1]).all())
        and bool((mask[:, 0] == 1).all())
    )
