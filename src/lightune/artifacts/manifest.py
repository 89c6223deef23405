"""`lightune.json`: what an artefact's folder needs besides weights to give the same answers again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightune.errors import ModelError
from lightune.models import read_object
from lightune.records import dumps, from_json

MANIFEST = "lightune.json"
FORMAT = 1
ADAPTER, DELTA, BASE, MODEL, MAJORITY, TFIDF, PROBE, ZERO_SHOT, PLUGIN, ONNX = (
    "adapter", "delta", "base", "model", "majority", "tfidf", "probe", "zero-shot", "plugin", "onnx",
)  # fmt: skip
KINDS = (ADAPTER, DELTA, BASE, MODEL, MAJORITY, TFIDF, PROBE, ZERO_SHOT, PLUGIN, ONNX)
# A base that lies in the artefact's own folder is named by a path that begins so.
INSIDE = "./"
# Where the tensors of a head lie that stands beside an adapter or a base.
HEAD_FILE = "head.safetensors"
MOST_LABELS, MOST_CUT = 100_000, 2**31


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

    @property
    def vouches(self) -> bool:
        """Whether it says by their SHA-256 which weights the artefact stands on, where it stands on others' at all."""
        return self.base is None or self.base.digest is not None or self.kind in (MODEL, ONNX)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest` into `folder`."""
    (folder / MANIFEST).write_text(dumps(manifest), encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest in `folder`. Raises ModelError when it is damaged or of another format."""
    path = folder / MANIFEST
    try:
        manifest = from_json(Manifest, read_object(path))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: it is damaged ({error}). Make the artefact again.") from error
    if manifest.format != FORMAT or manifest.kind not in KINDS:
        raise ModelError(
            f"{path}: format {FORMAT} is expected, got format {manifest.format}, kind {manifest.kind!r}. Another "
            "version of lightune made it; use that one."
        )
    _check_values(path, manifest)
    return manifest


def _check_values(path: Path, manifest: Manifest) -> None:
    """Raise ModelError for values that no artefact has: they would lead elsewhere, or make no answers."""
    names, heat, cut = manifest.label_names, manifest.temperature, manifest.max_length
    faults = {
        f"its head is in {str(manifest.head)[:200]!r}": manifest.head not in (None, HEAD_FILE),
        "its labels are not all different": len(set(names)) != len(names),
        f"its labels are {len(names):,}": not 1 <= len(names) <= MOST_LABELS,
        f"its temperature is {heat}": heat is not None and not (math.isfinite(heat) and heat > 0),
        f"its max_length is {cut}": cut is not None and not 1 <= cut <= MOST_CUT,
    }
    fault = next((what for what, wrong in faults.items() if wrong), None)
    if fault is not None:
        raise ModelError(f"{path}: {fault}, and no artefact of lightune has that. Make the artefact again.")
