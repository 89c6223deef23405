"""Folders that look like studies, made in milliseconds: arms saved without a training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from lightune.artifacts import (
    BASE,
    HEAD_FILE,
    MAJORITY,
    save_adapter_artifact,
    save_base_artifact,
    save_majority_artifact,
)
from lightune.catalogue import METHODS
from lightune.methods import attach
from tests.artifacts.helpers import manifest_for
from tests.fixtures.bases import load

NAMES = ("bad", "good")
MANY = tuple(f"topic {number}" for number in range(77))


def save_study(folder: Path, base: Path, names: tuple[str, ...] = NAMES, seed: int = 0) -> Path:
    """A study with the arms lora, majority and pretrained on `base`, and a report."""
    save_method(folder, base, "lora", names, seed)
    save_pretrained(folder, base, names, seed)
    about = replace(manifest_for(load(base, names), arm="majority", kind=MAJORITY), base=None, max_length=None)
    save_majority_artifact(folder / "arms" / "majority", np.arange(1.0, 1 + len(names)) / len(names), about)
    (folder / "config.yaml").write_text("{}\n")
    (folder / "report.html").write_text("<p>report</p>\n")
    return folder


def save_method(folder: Path, base: Path, name: str, names: tuple[str, ...] = NAMES, seed: int = 0) -> None:
    """The arm of a method in the study `folder`: never trained, each of its numbers drawn, so that it sways answers."""
    classifier = load(base, names)
    adapted = attach(classifier.model, classifier.head.modules, METHODS[name], {})
    generator = torch.Generator().manual_seed(seed + 7)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
    arm = folder / "arms" / name
    arm.parent.mkdir(parents=True, exist_ok=True)
    about = manifest_for(classifier, arm=name, temperature=2.0)
    save_adapter_artifact(arm, adapted.eval(), classifier.head.modules, classifier.tokenizer, about)


def save_pretrained(folder: Path, base: Path, names: tuple[str, ...] = NAMES, seed: int = 0) -> None:
    """The arm `pretrained` in the study `folder`."""
    classifier = load(base, names, seed)
    arm = folder / "arms" / "pretrained"
    arm.parent.mkdir(parents=True, exist_ok=True)
    about = manifest_for(classifier, arm="pretrained", kind=BASE, head=HEAD_FILE, seed=seed)
    save_base_artifact(arm, classifier.model, classifier.head.drawn, classifier.tokenizer, about)
