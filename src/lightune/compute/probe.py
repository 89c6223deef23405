"""A linear layer on a frozen model's pooled features."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedModel

from lightune.compute.encoding import Encoder
from lightune.compute.linear import Linear
from lightune.compute.pooled import pooled_features
from lightune.compute.quickening import quicken
from lightune.compute.scorer import OnRows, Scored
from lightune.runtime import move


class ProbeScorer:
    """The frozen model with its encoder, how its states are pooled, and the layer on them."""

    def __init__(self, model: PreTrainedModel, encoder: Encoder, pooling: str, linear: Linear) -> None:
        self.model = model
        self.encoder = encoder
        self.pooling = pooling
        self.linear = linear
        move(model)
        quicken(model)

    def score(self, texts: Sequence[str], on_rows: OnRows | None = None) -> Scored:
        """Forward passes of the backbone over the texts, cut at the encoder's limit, and the layer."""
        encoded = self.encoder.encode(texts)
        pad_id = int(self.encoder.tokenizer.pad_token_id)
        features = pooled_features(self.model, encoded, pad_id, self.pooling, on_rows)
        return Scored(self.linear.logits(features), int(encoded.lengths.sum()), encoded.cut, encoded.spared)
