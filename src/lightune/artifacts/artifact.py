"""A classifier from disk."""

from __future__ import annotations

from dataclasses import dataclass

from lightune.artifacts.manifest import Manifest
from lightune.compute import Scorer


@dataclass(frozen=True)
class Artifact:
    """A classifier from disk. verified: it has lightune's manifest, and its base is the one named there,
    by the SHA-256 of its weights."""

    scorer: Scorer
    label_names: tuple[str, ...]
    verified: bool
    manifest: Manifest | None
