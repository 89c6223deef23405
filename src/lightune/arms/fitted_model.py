"""A fitted arm that is a transformers model: how it answers, and what goes into its manifest."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from lightune.arms.base import ArmContext, FitFacts, Predicted
from lightune.arms.fitted_scorer import make_manifest
from lightune.artifacts import Manifest
from lightune.compute import Encoder, logits_of, quicken, softmax
from lightune.models import Classifier, find_model, load_classifier, resolve_max_length
from lightune.records import Rows
from lightune.runtime import move
from lightune.training import TokenRows, predict


class FittedModel(ABC):
    """Answers by the Trainer's prediction loop. Subclasses save themselves."""

    def __init__(
        self,
        context: ArmContext,
        base: Classifier,
        model: nn.Module,
        encoder: Encoder,
        facts: FitFacts,
        seeds: tuple[int, ...],
    ) -> None:
        self.context = context
        self.base = base
        self.model = quicken(model)
        self.encoder = encoder
        self.facts = facts
        self.seeds = seeds

    def predict_each(self, rows: Rows) -> Predicted:
        """Answer for the texts: tokenise, predict with the Trainer, probabilities [seeds, texts, labels]."""
        start = time.perf_counter()
        encoded = self.encoder.encode(rows.texts)
        tokens = TokenRows(encoded, np.zeros(len(encoded), dtype=np.int64))
        logits = predict(self.model, tokens, self.pad_id, self.context.scratch, self.context.progress)
        each = logits.transpose(1, 0, 2) if logits.ndim == 3 else logits[None]
        seconds = time.perf_counter() - start + encoded.spared  # as if it were the study's first to read these texts
        return Predicted(softmax(each), int(encoded.lengths.sum()), seconds, encoded.cut)

    def logits(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Logits [texts, labels] of the first seed."""
        logits = logits_of(self.model, self.encoder.encode(texts), self.pad_id)
        return logits[:, 0] if logits.ndim == 3 else logits

    @abstractmethod
    def save(self, folder: Path, temperature: float | None) -> str:
        """Save the first seed's artefact and return its stock route."""

    @property
    def pad_id(self) -> int:
        """The padding token's id."""
        return int(self.base.tokenizer.pad_token_id)

    def manifest(self, kind: str, **extra: Any) -> Manifest:
        """Make the manifest of the first seed's artefact."""
        encoder = self.encoder
        cut = {"max_length": encoder.max_length, "truncate": encoder.truncate}
        return make_manifest(self.context, kind, self.base.source, **cut, **extra)


def load_base(context: ArmContext) -> tuple[Classifier, Encoder]:
    """Load the study's base model for its labels, on the device, with the encoder for its cut, which keeps tokens in
    the study's cache; not where no text may stay in its folder, since tokens can be read back."""
    asked = context.config.model
    base = load_classifier(find_model(asked.source), context.label_names, context.seed)
    if not context.group.sharded:  # it may not fit one device
        move(base.model)
    encoder = Encoder(
        base.tokenizer, resolve_max_length(asked.max_length, base.source.config, base.tokenizer), asked.truncate
    )
    if not context.config.keep_texts:
        return base, encoder
    return base, encoder.cached(context.cache, writing=context.group.first)
