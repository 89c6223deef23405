"""The base model that an artefact stands on."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from torch import nn

from lightune.artifacts.manifest import INSIDE, MANIFEST, Manifest
from lightune.config import EMBEDDED
from lightune.errors import ModelError
from lightune.methods import adapter_config, load_adapter
from lightune.models import Classifier, ModelSource, find_model, has_weights


def find_base(folder: Path, manifest: Manifest) -> ModelSource:
    """The base that the manifest of the artefact in `folder` names, with the weights it names. Raises ModelError."""
    source = find_base_unread(folder, manifest)
    assert manifest.base is not None
    if manifest.base.digest is not None and not has_weights(source, manifest.base.digest):
        raise ModelError(
            f"{folder}: it was trained on {manifest.base.name}, but the weights there now are others (their SHA-256 "
            "differs). Put the old base back, or train again."
        )
    return source


def find_base_unread(folder: Path, manifest: Manifest) -> ModelSource:
    """The same, whatever its weights are: they are not read. Raises ModelError."""
    assert manifest.base is not None
    location = manifest.base.location
    embedded = manifest.base.name == EMBEDDED and not location.startswith(INSIDE)
    return find_named_base(folder, EMBEDDED if embedded else location)


def find_named_base(folder: Path, location: str) -> ModelSource:
    """The base at `location`, which may lie in the artefact's own `folder`. Raises ModelError."""
    if location.startswith(INSIDE) and not (folder / location).resolve().is_relative_to(folder.resolve()):
        raise ModelError(f"{folder}: its base model is named as {location}, which leaves its folder. Make it again.")
    try:
        return find_model(str(folder / location) if location.startswith(INSIDE) else location)
    except ModelError as error:
        raise ModelError(
            f"{folder}: its base model is expected at {location}, but cannot be used there "
            f"({str(error).removeprefix(f'--model {location}: ').rstrip('.')}). Put it back, or train again."
        ) from error


def check_same_base(folder: Path, manifest: Manifest) -> None:
    """Refuse an adapter whose own files name different bases: stock peft would put it on the other one."""
    assert manifest.base is not None
    named = adapter_config(folder).base_model_name_or_path
    if named != manifest.base.location:
        raise ModelError(
            f"{folder}: its adapter_config.json names the base {named}, its {MANIFEST} {manifest.base.location}, and "
            "only one of them can be the base it was trained on. Train again."
        )


def with_adapter(base: Classifier, folder: Path) -> nn.Module:
    """Put the adapter in `folder` on `base`. Raises ModelError."""
    try:
        return load_adapter(base.model, folder)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{folder}: the adapter's tensors cannot be read ({error}).") from error
