"""Arm `lora`: the base adapted with LoRA through peft and the Trainer."""

from __future__ import annotations

from pathlib import Path

from lightune.arms.base import ArmContext
from lightune.arms.fitted_model import FittedModel, load_base
from lightune.arms.trained_model import train_model
from lightune.artifacts import ADAPTER, save_adapter_artifact
from lightune.methods import attach_lora
from lightune.models import drop_frozen_dropout
from lightune.records import Rows
from lightune.training import LORA_RATES


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
        facts = train_model(context, base, encoder, model, LORA_RATES, train, validation)
        return FittedLora(context, base, model, encoder, facts, (context.seed,))


class FittedLora(FittedModel):
    """A LoRA adapter with its head."""

    def save(self, folder: Path, temperature: float | None) -> str:
        """Save what stock peft loads on the same base."""
        manifest = self.manifest(ADAPTER, temperature=temperature)
        save_adapter_artifact(folder, self.model, self.base.tokenizer, manifest)
        if self.base.source.untrained:
            return "none: the base's folder holds no weights that stock peft could load"
        return "adapter"
