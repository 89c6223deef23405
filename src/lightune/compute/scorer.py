"""What answers for texts, whatever is behind it; and the answers of a transformers classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import nn

from lightune.compute.encoding import Encoder
from lightune.compute.forward import logits_of
from lightune.compute.quickening import quicken
from lightune.methods import merge_plain_lora
from lightune.runtime import move

# Tokens from which a LoRA adapter is written into the weights first: that takes as long as some thousand of them.
MERGE_FROM = 50_000
# More texts than a certificate looks at, which is of the adapter as it is.
MERGE_TEXTS = 200
OnRows = Callable[[int], None]


@dataclass(frozen=True)
class Scored:
    """Answers: logits [texts, labels], useful tokens read (0: it reads none), and which texts were cut, bool [texts];
    None where nothing is ever cut. spared: as `Encoded` has it, seconds."""

    logits: NDArray[np.float64]
    tokens: int = 0
    cut: NDArray[np.bool_] | None = None
    spared: float = 0.0


class Scorer(Protocol):
    """Gives logits for texts, rows in their order; their softmax over labels are probabilities."""

    def score(self, texts: Sequence[str], on_rows: OnRows | None = None) -> Scored:
        """Answer for `texts`; `on_rows` hears how many rows each batch had when it is done."""
        ...


class ModelScorer:
    """A transformers sequence classifier and the encoder of its texts.

    merging: whether a plain LoRA adapter is written into the weights: False never, True before the next answer, None
    (as it begins) where a call is large enough that it pays. What is merged stays so.
    """

    def __init__(self, model: nn.Module, encoder: Encoder) -> None:
        self.model = model
        self.encoder = encoder
        self.merging: bool | None = None
        move(model)
        quicken(model)

    def score(self, texts: Sequence[str], on_rows: OnRows | None = None) -> Scored:
        """Forward passes over the texts, cut at the encoder's limit."""
        encoded = self.encoder.encode(texts)
        pays = len(texts) >= MERGE_TEXTS and encoded.lengths.sum() >= MERGE_FROM
        if pays if self.merging is None else self.merging:
            merge_plain_lora(self.model)  # a second time there is nothing left to merge
        logits = logits_of(self.model, encoded, int(self.encoder.tokenizer.pad_token_id), on_rows)
        logits = logits[:, 0] if logits.ndim == 3 else logits
        return Scored(logits, int(encoded.lengths.sum()), encoded.cut, encoded.spared)
