"""One base with many LoRA adapters: texts for different adapters go through it together, heads stand outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lightune.compute import Encoded, Encoder, has_room, logits_of, quicken
from lightune.methods import ManyAdapters
from lightune.models import laid_out, laid_out_bytes
from lightune.runtime import move

# Mean tokens of an adapter's texts below which texts of several adapters are computed in one padded batch. Above, each
# adapter's texts end to end are faster: the trunk's weights are read once more, but nothing is padded.
MIX_BELOW = 48


@dataclass(frozen=True)
class Member:
    """Who answers by a trunk. adapter: its key there, or NO_ADAPTER. head: from pooled states to logits."""

    adapter: str
    encoder: Encoder
    head: nn.Linear


class Trunk:
    """Answers for the members of one base, by name. layout_bytes: what its weights take a second time, laid out."""

    def __init__(self, adapters: ManyAdapters, members: Mapping[str, Member]) -> None:
        self.model = adapters.model
        self.members = dict(members)
        self._adapters = adapters
        move(self.model)
        quicken(self.model)
        self._layouts = ExitStack()
        self.layout_bytes = laid_out_bytes(self.model, training=False)
        if has_room(self.layout_bytes):
            # For as long as it is held: its weights never change.
            self._layouts.enter_context(laid_out(self.model, training=False))
        else:
            self.layout_bytes = 0

    def answer(self, texts: Mapping[str, Sequence[str]]) -> dict[str, NDArray[np.float64]]:
        """Logits [texts, labels] of each member that is asked; at least one text each."""
        encoded = {name: self.members[name].encoder.encode(own) for name, own in texts.items()}
        tokens = sum(int(one.lengths.sum()) for one in encoded.values())
        if len(encoded) > 1 and tokens < MIX_BELOW * len(encoded):
            states = self._mixed(encoded)
        else:
            states = {name: self._alone(name, one) for name, one in encoded.items()}
        return {name: self._head(name, own) for name, own in states.items()}

    def _alone(self, name: str, encoded: Encoded) -> NDArray[np.float64]:
        """Pooled states [texts, width] by this member's adapter."""
        with self._adapters.only(self.members[name].adapter) as model:
            return logits_of(model, encoded, self._pad_id(name))

    def _mixed(self, encoded: Mapping[str, Encoded]) -> dict[str, NDArray[np.float64]]:
        """The same for several members, their texts side by side."""
        ids = [row for one in encoded.values() for row in one.ids]
        cut = np.concatenate([one.cut for one in encoded.values()])
        adapters = [self.members[name].adapter for name, one in encoded.items() for _ in one.ids]
        with self._adapters.mixed() as model:
            states = logits_of(model, Encoded(tuple(ids), cut), self._pad_id(next(iter(encoded))), None, adapters)
        ends = np.cumsum([len(one) for one in encoded.values()])
        return dict(zip(encoded, np.split(states, ends[:-1]), strict=True))

    def _head(self, name: str, states: NDArray[np.float64]) -> NDArray[np.float64]:
        with torch.inference_mode():
            logits = self.members[name].head(torch.from_numpy(states).float())
        return np.asarray(logits.double().numpy())

    def _pad_id(self, name: str) -> int:
        return int(self.members[name].encoder.tokenizer.pad_token_id)
