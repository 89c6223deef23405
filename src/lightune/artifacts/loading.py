"""From an artefact's folder back to a classifier: lightune's own, a stock peft adapter, a stock transformers model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn

from lightune.artifacts.manifest import MANIFEST, Manifest, read_manifest
from lightune.artifacts.saving import HEAD_FILE
from lightune.compute import Encoder
from lightune.config import EMBEDDED
from lightune.errors import ModelError
from lightune.methods import adapter_config, is_adapter, load_adapter
from lightune.models import (
    Classifier,
    ModelSource,
    checkpoint_labels,
    find_model,
    load_classifier,
    resolve_max_length,
    weights_digest,
)


@dataclass(frozen=True)
class Artifact:
    """A classifier from disk. verified: it has lightune's manifest, and its base is the one named there."""

    model: nn.Module
    encoder: Encoder
    label_names: tuple[str, ...]
    verified: bool
    manifest: Manifest | None


def is_artifact(folder: Path) -> bool:
    """Whether `folder` holds something that `load_artifact` reads."""
    return (folder / MANIFEST).exists() or is_adapter(folder) or (folder / "config.json").exists()


def load_artifact(folder: Path) -> Artifact:
    """Load what lies in `folder`. Raises ModelError with a sentence when it cannot be used."""
    if (folder / MANIFEST).exists():
        return _load_own(folder, read_manifest(folder))
    if is_adapter(folder):
        return _load_stock_adapter(folder)
    if (folder / "config.json").exists():
        return _load_stock_model(folder)
    raise ModelError(
        f"{folder}: an artefact is expected (lightune.json, adapter_config.json or config.json), but none is there."
    )


def _load_own(folder: Path, manifest: Manifest) -> Artifact:
    source = _find_base(folder, EMBEDDED if manifest.base.name == EMBEDDED else manifest.base.location)
    digest = weights_digest(source)
    if manifest.base.digest is not None and digest != manifest.base.digest:
        raise ModelError(
            f"{folder}: it was trained on {manifest.base.name}, but the weights there now are others (their SHA-256 "
            "differs). Put the old base back, or train again."
        )
    base = load_classifier(source, manifest.label_names, manifest.seed)
    encoder = Encoder(base.tokenizer, manifest.max_length, manifest.truncate)
    if manifest.kind == "adapter":
        return Artifact(_with_adapter(base, folder), encoder, manifest.label_names, True, manifest)
    if manifest.head is not None:
        _load_head(base, folder / HEAD_FILE)
    return Artifact(base.model, encoder, manifest.label_names, True, manifest)


def _find_base(folder: Path, location: str) -> ModelSource:
    try:
        return find_model(location)
    except ModelError as error:
        raise ModelError(
            f"{folder}: its base model is expected at {location}, but cannot be used there. "
            "Put it back, or train again."
        ) from error


def _with_adapter(base: Classifier, folder: Path) -> nn.Module:
    try:
        return load_adapter(base.model, folder)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{folder}: the adapter's tensors cannot be read ({error}).") from error


def _load_head(base: Classifier, path: Path) -> None:
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: the head's tensors cannot be read ({error}).") from error
    if set(tensors) != set(base.head.drawn):
        raise ModelError(f"{path}: it holds {', '.join(tensors)}, but {', '.join(base.head.drawn)} are expected.")
    with torch.no_grad():
        for name, tensor in tensors.items():
            base.model.get_parameter(name).copy_(tensor)


def _load_stock_adapter(folder: Path) -> Artifact:
    """An adapter that stock peft saved: the base it names, as many labels as its head has rows."""
    config = adapter_config(folder)
    if config.task_type != "SEQ_CLS":
        raise ModelError(f"{folder}: an adapter for SEQ_CLS is expected, but this one is for {config.task_type}.")
    source = _find_base(folder, str(config.base_model_name_or_path))
    count = _head_rows(folder)
    names = tuple(checkpoint_labels(source.config))
    names = names if len(names) == count else tuple(f"LABEL_{index}" for index in range(count))
    base = load_classifier(source, names, seed=0)
    encoder = Encoder(base.tokenizer, resolve_max_length(None, source.config, base.tokenizer), "head")
    return Artifact(_with_adapter(base, folder), encoder, names, False, None)


def _load_stock_model(folder: Path) -> Artifact:
    source = find_model(str(folder))
    kinds = source.config.architectures or ["?"]
    if not any(name.endswith("ForSequenceClassification") for name in kinds):
        raise ModelError(f"{folder}: a sequence classifier is expected, but it holds {', '.join(kinds)}.")
    names = tuple(checkpoint_labels(source.config))
    base = load_classifier(source, names, seed=0)
    encoder = Encoder(base.tokenizer, resolve_max_length(None, source.config, base.tokenizer), "head")
    return Artifact(base.model, encoder, names, False, None)


def _head_rows(folder: Path) -> int:
    """How many labels an adapter's head answers: the rows of its last tensor outside the low-rank ones."""
    path = folder / "adapter_model.safetensors"
    try:
        with safe_open(path, "pt") as tensors:
            heads = [name for name in tensors.keys() if name.endswith("weight") and ".lora_" not in name]  # noqa: SIM118
            shapes = [tensors.get_slice(name).get_shape() for name in sorted(heads)]
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: the adapter's tensors cannot be read ({error}).") from error
    if not shapes:
        raise ModelError(f"{folder}: the adapter holds no classification head, so it gives no labels.")
    return int(min(shape[0] for shape in shapes))
