"""Arm `full`: every weight of the model trained with the Trainer."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from lightune.arms.base import ArmContext
from lightune.arms.divergence import NOTHING_MEASURED, kept_best
from lightune.arms.fitted_model import FittedModel, load_base
from lightune.arms.trained_model import Pupil, best_of, planned, prepare, train_model
from lightune.artifacts import MODEL, save_model_artifact
from lightune.errors import Diverged
from lightune.records import Plan, Rows
from lightune.training import FULL_RATES


class FullArm:
    """The whole model and its head. Its own dropout stays on, since its weights are what is trained."""

    def __init__(self, context: ArmContext) -> None:
        self.context = context

    def fit(self, train: Rows, validation: Rows) -> FittedModel:
        """Train on `train`, keep the best by `validation`. Raises RunError when the training diverges."""
        base, encoder = load_base(self.context)
        start = time.perf_counter()
        base.model.requires_grad_(True)
        lesson = prepare(self.context, base, encoder, FULL_RATES, train, validation)
        lesson = replace(lesson, recipe=replace(lesson.recipe, top_blocks=None))  # which are for adapters
        seeds = (self.context.seed,)

        def again() -> Pupil:
            fresh, _ = load_base(self.context)
            fresh.model.requires_grad_(True)
            return Pupil(fresh, fresh.model)

        try:
            pupil, facts = train_model(self.context, Pupil(base, base.model), lesson, start, again)
        except Diverged as error:
            pupil = best_of(error, self.context, Pupil(base, base.model), again)
            best = partial(FittedFull, self.context, pupil.base, pupil.model, encoder, NOTHING_MEASURED, seeds)
            raise kept_best(error, self.context, best) from error
        return FittedFull(self.context, pupil.base, pupil.model, encoder, facts, seeds)

    def plan(self, train: Rows, validation: Rows) -> Plan:
        """What a training on `train` would be computed by on this machine; trains nothing."""
        base, encoder = load_base(self.context)
        base.model.requires_grad_(True)
        return planned(base, base.model, prepare(self.context, base, encoder, FULL_RATES, train, validation))


class FittedFull(FittedModel):
    """A whole model."""

    def save(self, folder: Path, temperature: float | None) -> str:
        """Save what stock transformers loads."""
        save_model_artifact(folder, self.base.model, self.base.tokenizer, self.manifest(MODEL, temperature=temperature))
        return "merged"
