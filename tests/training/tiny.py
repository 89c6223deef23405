"""A tiny base with LoRA, rows to train it on, and a training as the tests want it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lightune.compute import Encoder, softmax
from lightune.config import TrainingConfig
from lightune.evaluation import point_metrics
from lightune.models import drop_frozen_dropout
from lightune.progress import silent
from lightune.training import Recipe, TokenRows, Trained, fit, resolve_recipe
from tests.fixtures.bases import load, with_lora
from tests.fixtures.reviews import as_rows, make_reviews

WIDTH = 32


class Training:
    """A tiny model in training; each one starts the same."""

    def __init__(self, folder: Path, count: int = 40) -> None:
        base = load(folder)
        drop_frozen_dropout(base.model)
        torch.manual_seed(0)
        self.head = base.head.modules
        self.model: nn.Module = with_lora(base.model, self.head, rank=4)
        self.encoder = Encoder(base.tokenizer, 64, "head")
        self.pad_id = int(base.tokenizer.pad_token_id)
        self.train = self.rows(count, 0)
        self.validation = self.rows(24, 1)

    def rows(self, count: int, seed: int) -> TokenRows:
        rows = as_rows(make_reviews(count, seed))
        return TokenRows(self.encoder.encode(rows.texts), rows.labels)

    def recipe(self, **options: Any) -> Recipe:
        return resolve_recipe(TrainingConfig(**options), len(self.train), WIDTH)

    def fit(self, recipe: Recipe, checkpoints: Path, **options: Any) -> Trained:
        given = {"seed": 0, "progress": silent, "measure": measure, **options}
        return fit(
            self.model,
            self.train,
            self.validation,
            recipe,
            head=self.head,
            pad_id=self.pad_id,
            checkpoints=checkpoints,
            **given,
        )

    def weights(self) -> dict[str, torch.Tensor]:
        """What is trained."""
        return {name: value.detach().clone() for name, value in self.model.named_parameters() if value.requires_grad}


def measure(labels: Any, logits: Any) -> dict[str, float]:
    return dict(point_metrics(labels, softmax(logits), 1))


def one_by_one(model: nn.Module, rows: TokenRows, weights: torch.Tensor | None = None) -> torch.Tensor:
    """The mean loss over `rows`, each computed alone: what a step's loss must be however it is cut up."""
    losses, total = [], 0.0
    for at in range(len(rows)):
        row = rows[at]
        ids = torch.as_tensor(np.asarray(row["ids"], dtype=np.int64))[None]
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        weight = 1.0 if weights is None else float(weights[row["label"]])
        losses.append(weight * nn.functional.cross_entropy(logits, torch.tensor([row["label"]])))
        total += weight
    return torch.stack(losses).sum() / total
