"""Artefacts made in milliseconds: a tiny base with an adapter that was never trained but does something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from lightune.artifacts import FORMAT, BaseModel, Manifest, save_adapter_artifact
from lightune.models import Classifier, find_model, load_classifier, weights_digest
from tests.fixtures.bases import with_lora

TEXTS = [
    "The plot is thin, and dull.",
    "A joy!",
    "I expected a disaster and got a delight; the cast was brilliant!",
    "",
]


def manifest_for(base: Classifier, **changes: Any) -> Manifest:
    values: dict[str, Any] = {
        "format": FORMAT,
        "lightune": "0.1.0",
        "arm": "lora",
        "kind": "adapter",
        "base": BaseModel(base.source.name, base.source.location, weights_digest(base.source)),
        "label_names": base.label_names,
        "positive_label": None,
        "max_length": 64,
        "truncate": "head",
        "seed": 0,
        "train_size": 3,
        "data_fingerprint": "f" * 64,
    }
    return Manifest(**{**values, **changes})


def adapted(model: Path, names: tuple[str, ...], seed: int = 0) -> tuple[Classifier, nn.Module]:
    """A base with an adapter whose every tensor is drawn, so that it changes the answers."""
    base = load_classifier(find_model(str(model)), names, 0)
    attached = with_lora(base.model, base.head.modules)
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in attached.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.1)
    return base, attached.eval()


def save_adapted(folder: Path, model: Path, names: tuple[str, ...], **changes: Any) -> nn.Module:
    """Save such an artefact in `folder` and return the model in memory."""
    base, attached = adapted(model, names)
    save_adapter_artifact(folder, attached, base.head.modules, base.tokenizer, manifest_for(base, **changes))
    return attached
