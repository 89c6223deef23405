"""What lies on disk and can be loaded again."""

from lightune.artifacts.loading import Artifact, is_artifact, load_artifact
from lightune.artifacts.manifest import FORMAT, BaseModel, Manifest, read_manifest
from lightune.artifacts.saving import (
    HEAD_FILE,
    SEEDS,
    folder_bytes,
    remove_artifact,
    save_adapter_artifact,
    save_base_artifact,
)

__all__ = [
    "FORMAT",
    "HEAD_FILE",
    "SEEDS",
    "Artifact",
    "BaseModel",
    "Manifest",
    "folder_bytes",
    "is_artifact",
    "load_artifact",
    "read_manifest",
    "remove_artifact",
    "save_adapter_artifact",
    "save_base_artifact",
]
