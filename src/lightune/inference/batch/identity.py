"""What the bytes of an output depend on, by the names that people know it by."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightune.artifacts import CERTIFICATE
from lightune.digests import file_digest
from lightune.runtime import environment

# What stands in an artefact's folder and has no part in its answers.
_BESIDE = {CERTIFICATE, "README.md"}


def artefact_digest(folder: Path) -> str:
    """SHA-256 over the names and the bytes of what an artefact's folder holds; of further seeds nothing."""
    told = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and name.parts[0] != "seeds" and str(name) not in _BESIDE:
            told.update(f"{name}\0{file_digest(path)}\n".encode())
    return told.hexdigest()


def machine() -> dict[str, Any]:
    """The versions and the processor that decide the last bits of an answer."""
    import pyarrow

    found = environment()
    told = {f"the version of {name}": version for name, version in found["packages"].items()}
    told["the version of pyarrow"] = pyarrow.__version__
    return {**told, **{f"the {name}": found[name] for name in ("system", "processor", "device", "precision")}}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The names of what is not as it was; options alone where some differ, since the rest may follow from them."""
    found = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return [name for name in found if name.startswith("--")] or found
