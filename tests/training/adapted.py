"""A tiny GPT-2 with any method, in training as an arm trains it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from lightune.catalogue import METHODS
from lightune.compute import Encoder, softmax
from lightune.config import TrainingConfig
from lightune.evaluation import point_metrics
from lightune.methods import after_step, attach, rate_factors
from lightune.models import drop_frozen_dropout
from lightune.progress import silent
from lightune.training import Demands, TokenRows, Trained, fit, resolve_recipe
from tests.fixtures.bases import load
from tests.fixtures.reviews import as_rows, make_reviews

# Room for twenty virtual tokens before a text.
LENGTH, WIDTH, ROWS = 40, 32, 40


class AdaptedTraining:
    """Each one starts the same."""

    def __init__(self, folder: Path, name: str, **options: Any) -> None:
        base = load(folder)
        drop_frozen_dropout(base.model)
        self.name, self.head = name, base.head.modules
        self.recipe = resolve_recipe(TrainingConfig(**options), ROWS, WIDTH)
        method = METHODS[name]
        self.model: nn.Module = attach(base.model, self.head, method, steps=self.recipe.steps)
        self.demands = Demands(method.own_loss, rate_factors(method), after_step(self.model))
        self.pad_id = int(base.tokenizer.pad_token_id)
        encoder = Encoder(base.tokenizer, LENGTH, "head")
        self.train, self.validation = (self._rows(encoder, *which) for which in ((ROWS, 0), (24, 1)))

    def fit(self, checkpoints: Path, **options: Any) -> Trained:
        given = {"seed": 0, "progress": silent, "demands": self.demands, **options}
        facts = {"head": self.head, "pad_id": self.pad_id, "checkpoints": checkpoints}
        return fit(self.model, self.train, self.validation, self.recipe, _measure, **facts, **given)

    def weights(self) -> dict[str, torch.Tensor]:
        """What is trained."""
        return {name: value.detach().clone() for name, value in self.model.named_parameters() if value.requires_grad}

    @staticmethod
    def _rows(encoder: Encoder, count: int, seed: int) -> TokenRows:
        rows = as_rows(make_reviews(count, seed))
        return TokenRows(encoder.encode(rows.texts), rows.labels)


def _measure(labels: Any, logits: Any) -> dict[str, float]:
    return dict(point_metrics(labels, softmax(logits), 1))
