"""What the user calls the data -> raw tables by split."""

from __future__ import annotations

import difflib
import importlib.resources
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lightune.config import EMBEDDED
from lightune.data.hub import download, is_hub_id
from lightune.data.layout import find_layout
from lightune.data.readers import EXTENSIONS, check_extension, read_bytes, read_table
from lightune.data.split_names import TRAIN, canonical_names
from lightune.data.tables import Table, concat, text_table
from lightune.data.text_folders import is_text_folder, read_text_folder
from lightune.errors import DataError

HANDWRITTEN = "handwritten"


@dataclass(frozen=True)
class Source:
    """Tables by split name (train, validation and test under these names), as they stand in the source.

    class_names: label names that a README declares for a column; those inside a file come with its table. notes:
    sentences on what was left out.
    """

    tables: Mapping[str, Table]
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def open_source(source: str) -> Source:
    """Read all splits of `embedded`, a file, a folder, or a data set of the hub; SOURCE:NAME takes a configuration.

    Raises DataError when there is no such thing, or it cannot be read exactly.
    """
    if source == EMBEDDED:
        return _embedded()
    path = Path(os.path.expanduser(source))
    if _exists(path):
        return _local(path)
    base, colon, config = source.rpartition(":")
    folder = Path(os.path.expanduser(base))
    if colon and base and _exists(folder) and folder.is_dir():
        return _folder(folder, config)
    name, config_name = (base, config) if colon and is_hub_id(base) else (source, None)
    if _is_link(path):
        raise DataError(f"{source} is a symbolic link that leads nowhere, or to itself. Name the file that was meant.")
    if _looks_like_a_path(source) or not is_hub_id(name):
        raise _absent(source, path)
    return _folder(download(name, config_name), config_name)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or a NUL in it: a text rather than a path
        return False


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except (OSError, ValueError):
        return False


def _local(path: Path) -> Source:
    if path.is_dir():
        return _folder(path, None)
    check_extension(path)
    return Source({TRAIN: read_table(path)})


def _folder(folder: Path, config: str | None) -> Source:
    try:
        if is_text_folder(folder):
            tables, notes = read_text_folder(folder)
            return Source(tables, notes=notes)
        layout = find_layout(folder, config)
    except PermissionError as error:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}.") from error
    names = canonical_names(layout.files, str(folder))
    found = {
        names[split]: concat([read_table(path) for path in files]) for split, files in layout.files.items() if files
    }
    if not found:
        raise DataError(f"{folder}: its README names data files, and none of them is there. Fetch them again.")
    return Source(found, layout.class_names, layout.notes)


def _embedded() -> Source:
    from lightune.data.embedded.generator import generate

    tables = {}
    for split, rows in generate().items():
        texts, labels = zip(*rows, strict=True)
        tables[split] = text_table(f"{EMBEDDED} {split}", {"text": tuple(texts), "label": tuple(labels)})
    file = importlib.resources.files("lightune.data") / "embedded" / f"{HANDWRITTEN}.csv"
    tables[HANDWRITTEN] = read_bytes(file.name, file.read_bytes())
    return Source(tables)


def _looks_like_a_path(source: str) -> bool:
    return source.startswith((".", "/", "~")) or "\\" in source or source.lower().endswith(EXTENSIONS)


def _absent(source: str, path: Path) -> DataError:
    shown = repr(source if len(source) <= 200 else f"{source[:200]}…")
    try:
        there = [entry.name for entry in path.parent.iterdir()]
    except (OSError, ValueError):
        there = []
    close = difflib.get_close_matches(path.name, there, n=3)
    if close:
        return DataError(f"There is no file or folder {shown}. Did you mean {' or '.join(close)}?")
    return DataError(
        f"There is no file or folder {shown}. A folder, a file, a data set's name on the hub or "
        f"`{EMBEDDED}` is expected."
    )
