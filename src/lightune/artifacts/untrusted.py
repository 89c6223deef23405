"""An artefact's folder, which may be anybody's, checked before anything else reads it."""

from __future__ import annotations

from pathlib import Path

from lightune.artifacts.certificate import CERTIFICATE
from lightune.artifacts.manifest import HEAD_FILE, MANIFEST
from lightune.artifacts.saving import DELTA_FILE, NUMBERS_FILE, TERMS_FILE
from lightune.methods import check_adapter_folder, is_adapter
from lightune.models import MOST_TEXT, check_place, check_size, read_header, read_object

TENSORS = (HEAD_FILE, DELTA_FILE, NUMBERS_FILE)


def check_artifact_folder(folder: Path) -> None:
    """Raise ModelError where a file that would be read lies elsewhere, is no sound one of its kind, or asks for more.

    A model's own files are checked where a model is found, and so are those of a base.
    """
    for name in (MANIFEST, CERTIFICATE, TERMS_FILE, *TENSORS):
        path = folder / name
        if not (path.exists() or path.is_symlink()):
            continue
        check_place(path)
        if name == MANIFEST:
            read_object(path)
        elif name in TENSORS:
            read_header(path)
        else:
            check_size(path, MOST_TEXT)
    if is_adapter(folder):
        check_adapter_folder(folder)
