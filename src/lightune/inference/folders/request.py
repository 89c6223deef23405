"""What is asked of a prediction over a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lightune.data import Cut
from lightune.errors import ConfigError
from lightune.inference.folders.place import Place, find_place
from lightune.inference.wanted import Wanted

# A part of the output is at most so many rows, and bytes of them decoded: what a process that dies can lose.
UNIT = Cut(16_384, 2**26)


@dataclass(frozen=True)
class FolderRequest:
    """arms: an artefact's folder each, by what stands before the names of its columns. source: a folder of Parquet
    files, nested or not, or a single one; target: a folder; each a path or a URL of fsspec. unit: how much of a file is
    answered and written at once; cut: how windows are cut within it."""

    arms: Mapping[str, Path]
    source: str
    target: str
    text_column: str | None = None
    wanted: Wanted = field(default_factory=Wanted)
    resume: bool = False
    unit: Cut = UNIT
    cut: Cut = field(default_factory=Cut)

    def places(self) -> tuple[Place, Place]:
        """The input and the output. Raises ConfigError, naming the option, for what cannot be one."""
        source, target = find_place("--input", self.source), find_place("--output", self.target)
        if source.local is not None and target.local is not None:
            read, written = (os.path.realpath(place.path) for place in (source, target))
        else:
            read, written = source.path.rstrip("/"), target.path.rstrip("/")
            if source.system != target.system:
                read = ""
        if read and (written == read or written.startswith(f"{read}/") or read.startswith(f"{written}/")):
            raise ConfigError(
                f"--output {target.name}: a folder apart from the input is expected: neither may lie in the other."
            )
        _check_folder(target)
        return source, target


def _check_folder(target: Place) -> None:
    """Raise ConfigError where the output's folder could not be made on this machine."""
    path = target.local
    if path is None:
        return
    if path.exists() and not path.is_dir():
        raise ConfigError(f"--output {target.name}: a folder is expected, but it is a file.")
    if not path.parent.is_dir():
        raise ConfigError(f"--output {target.name}: the folder {path.parent} does not exist; make it first.")
