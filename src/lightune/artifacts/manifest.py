"""`lightune.json`: what an artefact's folder needs besides weights to give the same answers again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightune.errors import ModelError
from lightune.records import dumps, from_json

MANIFEST = "lightune.json"
FORMAT = 1
ADAPTER, DELTA, BASE, MODEL, MAJORITY, TFIDF, PROBE, ZERO_SHOT, PLUGIN, ONNX = (
    "adapter", "delta", "base", "model", "majority", "tfidf", "probe", "zero-shot", "plugin", "onnx",
)  # fmt: skip
KINDS = (ADAPTER, DELTA, BASE, MODEL, MAJORITY, TFIDF, PROBE, ZERO_SHOT, PLUGIN, ONNX)
# A base that lies in the artefact's own folder is named by a path that begins so.
INSIDE = "./"


@dataclass(frozen=True)
class BaseModel:
    """The base model. name: as the user gave it. location: where it is loaded from here; `./…` lies in the artefact's
    own folder, wherever that is. digest: SHA-256 of a local weight file."""

    name: str
    location: str
    digest: str | None


@dataclass(frozen=True)
class Manifest:
    """What lies in an artefact's folder.

    kind: `adapter` (peft's files beside this one), `delta` (those of the base's parameters that were trained), `base`
    (the base model as it is), `model` (a whole transformers folder), `tfidf`, `probe`, `zero-shot`, `majority` (a few
    numbers beside this one, on the base where one is named), `plugin` (what an installed package's own arm wrote), or
    `onnx` (an exported graph, named in the settings). base: None where there is none. head: a file with the head's
    tensors, for a base whose checkpoint has none, or an adapter that peft saves without. settings: what the kind needs
    besides. temperature: the logits divided by it are calibrated on validation; None where none could be fitted. The
    rest says how texts become tokens and logits labels.
    """

    format: int
    lightune: str
    arm: str
    kind: str
    base: BaseModel | None
    label_names: tuple[str, ...]
    positive_label: str | None
    max_length: int | None
    truncate: str | None
    seed: int
    train_size: int
    data_fingerprint: str
    head: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    temperature: float | None = None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest` into `folder`."""
    (folder / MANIFEST).write_text(dumps(manifest), encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest in `folder`. Raises ModelError when it is damaged or of another format."""
    path = folder / MANIFEST
    try:
        manifest = from_json(Manifest, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: it is damaged ({error}). Make the artefact again.") from error
    if manifest.format != FORMAT or manifest.kind not in KINDS:
        raise ModelError(
            f"{path}: format {FORMAT} is expected, got format {manifest.format}, kind {manifest.kind!r}. Another "
            "version of lightune made it; use that one."
        )
    return manifest
