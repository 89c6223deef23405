"""Arm `lora`: the base adapted with LoRA through peft and the Trainer."""

from __future__ import annotations

import time
from pathlib import Path

from lightune.arms.base import ArmContext, FitFacts
from lightune.arms.fitted_model import FittedModel, load_base
from lightune.artifacts import save_adapter_artifact
from lightune.compute import softmax
from lightune.evaluation import point_metrics, positive_index
from lightune.methods import attach_lora, trainable_parameters
from lightune.models import drop_frozen_dropout, embedding_shape
from lightune.records import Rows
from lightune.training import TokenRows, fit, resolve_recipe


class LoraArm:
    """LoRA on every linear layer below the head, and the head itself."""

    def __init__(self, context: ArmContext) -> None:
        self.context = context

    def fit(self, train: Rows, validation: Rows) -> FittedModel:
        """Train on `train`, keep the best by `validation`. Raises RunError when the training diverges."""
        context, config = self.context, self.context.config
        base, encoder = load_base(context)
        if not config.training.frozen_dropout:
            drop_frozen_dropout(base.model)
        model = attach_lora(base.model, base.head.modules, config.lora)
        width = embedding_shape(base.model)[1]
        recipe = resolve_recipe(config.training, len(train), width)
        positive = positive_index(context.label_names, context.positive_label)

        start = time.perf_counter()
        rows = TokenRows(encoder.encode(train.texts), train.labels)
        held_out = TokenRows(encoder.encode(validation.texts), validation.labels)
        trained = fit(
            model,
            rows,
            held_out,
            recipe,
            lambda labels, logits: point_metrics(labels, softmax(logits), positive),
            head=base.head.modules,
            pad_id=int(base.tokenizer.pad_token_id),
            seed=context.seed,
            checkpoints=context.scratch / "checkpoints",
            progress=context.progress,
        )
        seconds = time.perf_counter() - start + trained.seconds_before
        changed, total = trainable_parameters(model)
        cut = int(rows.encoded.cut.sum())
        notes = (base.head.note, f"{cut:,} of {len(rows):,} training texts were cut at {encoder.max_length} tokens.")
        facts = FitFacts(seconds, changed, total, trained.tokens, trained.rows, trained.facts, notes, base.head.state)
        return FittedLora(context, base, model, encoder, facts, (context.seed,))


class FittedLora(FittedModel):
    """A LoRA adapter with its head."""

    def save(self, folder: Path) -> str:
        """Save what stock peft loads on the same base."""
        save_adapter_artifact(folder, self.model, self.base.tokenizer, self.manifest("lora", "adapter"))
        if self.base.source.untrained:
            return "none: the base's folder holds no weights that stock peft could load"
        return "adapter"
