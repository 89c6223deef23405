"""Arm `pretrained`: the base model as it is, before anything was trained."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from lightune.arms.base import ArmContext, FitFacts
from lightune.arms.fitted_model import FittedModel, load_base
from lightune.arms.heads import ManyHeads
from lightune.artifacts import BASE, HEAD_FILE, save_base_artifact
from lightune.records import Rows

HEAD_SEEDS = 5


class PretrainedArm:
    """Uses the checkpoint's own head where it has one that fits; else measures an untrained head over HEAD_SEEDS seeds,
    since a single random head is a coin toss."""

    def __init__(self, context: ArmContext) -> None:
        self.context = context

    def fit(self, train: Rows, validation: Rows) -> FittedModel:  # noqa: ARG002
        """Learn nothing."""
        base, encoder = load_base(self.context)
        total = sum(parameter.numel() for parameter in base.model.parameters())
        seeds: tuple[int, ...] = (self.context.seed,)
        model: nn.Module = base.model
        # Each fold of a cross-validation is a draw of its own already.
        if not base.head.trained and self.context.config.data.folds is None:
            seeds = tuple(range(self.context.seed, self.context.seed + HEAD_SEEDS))
            model = ManyHeads(base.model, base.head.drawn, seeds)
        notes = (base.head.note, f"Measured over {len(seeds)} head seeds.") if len(seeds) > 1 else (base.head.note,)
        facts = FitFacts(
            fit_seconds=0.0, trainable_parameters=0, total_parameters=total, notes=notes, head=base.head.state
        )
        return FittedPretrained(self.context, base, model, encoder, facts, seeds)


class FittedPretrained(FittedModel):
    """The base, to be saved as a reference to it and the head that was drawn."""

    def save(self, folder: Path, temperature: float | None) -> str:
        """Save the tokenizer, the manifest, and the first seed's head where it was drawn."""
        # A folder without weights: the head was drawn with everything else and is drawn again from the seed.
        head = HEAD_FILE if self.base.head.drawn else None
        manifest = self.manifest(BASE, head=head, temperature=temperature)
        save_base_artifact(folder, self.base.model, self.base.head.drawn, self.base.tokenizer, manifest)
        if self.base.head.trained:
            return "none: the artefact is the base itself; load that"
        return "none: the base has no trained head, so there is nothing to load beside it"
