"""A folder in the hub's layout, or with train and test files -> which files make up which split.

Only names and the README's YAML are looked at here; no file is opened but the README, and none outside the folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from lightune.data.readers import EXTENSIONS
from lightune.data.split_names import split_of_file
from lightune.data.tables import listing
from lightune.errors import DataError

# JSON files that describe a data set and hold no rows.
_NOT_DATA = ("config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")
_DIGITS = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class Card:
    """What a data set's README declares, for one configuration.

    patterns: for each split, the globs of its files below the folder; None where the README has no list.
    class_names: the label names of ClassLabel columns.
    """

    patterns: Mapping[str, tuple[str, ...]] | None = None
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """The files of each split, in reading order. notes: sentences on what was left out."""

    files: Mapping[str, tuple[Path, ...]]
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def find_layout(folder: Path, config: str | None = None) -> Layout:
    """Find the splits of a folder: as its README lists them, else by the names of files and folders.

    config: the configuration to take, of a data set that has several. Raises DataError saying what was expected.
    """
    card = read_card(folder, config)
    if card.patterns is None:
        files, notes = _by_name(folder)
        return Layout(files, card.class_names, notes)
    found = {split: _matching(folder, patterns) for split, patterns in card.patterns.items()}
    return Layout({split: files for split, files in found.items() if files}, card.class_names)


def read_card(folder: Path, config: str | None = None) -> Card:
    """Read the YAML at the head of README.md; a folder without one has an empty card.

    Raises DataError when the YAML is malformed, or there are several configurations and none is named or the default.
    """
    meta = _front_matter(folder / "README.md")
    entries = [entry for entry in _as_list(meta.get("configs")) if isinstance(entry, dict)]
    infos = [info for info in _as_list(meta.get("dataset_info")) if isinstance(info, dict)]
    names = [str(entry.get("config_name", "default")) for entry in entries]
    chosen = _choose(folder, entries, names, config)
    name = None if chosen is None else names[entries.index(chosen)]
    info = next((info for info in infos if len(infos) == 1 or info.get("config_name") == name), {})
    classes = _class_names(_as_list((chosen or {}).get("features")) or _as_list(info.get("features")))
    return Card(None if chosen is None else _patterns(folder, chosen), classes)


def _front_matter(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return {}
    match = re.match(r"---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", text, re.DOTALL)
    if not match:
        return {}
    try:
        meta = yaml.safe_load(match[1])
    except (yaml.YAMLError, RecursionError, ValueError, TypeError, AttributeError, LookupError) as error:
        raise DataError(f"{path}: the block between the --- lines should be YAML, and is not. Correct it.") from error
    return meta if isinstance(meta, dict) else {}


def _choose(
    folder: Path, entries: Sequence[dict[str, Any]], names: Sequence[str], config: str | None
) -> dict[str, Any] | None:
    if config is not None:
        if config in names:
            return entries[names.index(config)]
        raise DataError(f"{folder} has no configuration {config!r}; it has {listing(names) or 'none'}.")
    if len(entries) <= 1:
        return entries[0] if entries else None
    defaults = [
        entry for entry, name in zip(entries, names, strict=True) if name == "default" or entry.get("default") is True
    ]
    if len(defaults) == 1:
        return defaults[0]
    raise DataError(
        f"{folder} has several configurations and no single default: {listing(names)}. "
        "Name one after a colon, as in SOURCE:CONFIGURATION."
    )


def _patterns(folder: Path, entry: Mapping[str, Any]) -> dict[str, tuple[str, ...]] | None:
    listed, base = entry.get("data_files"), str(entry.get("data_dir") or "")
    if listed is None:
        listed = "**" if base else None
    if listed is None:
        return None
    patterns: dict[str, tuple[str, ...]] = {}
    items = _as_list(listed)
    if all(isinstance(item, str) for item in items):
        items = [{"split": "train", "path": items}]
    for item in items:
        paths = _as_list(item.get("path")) if isinstance(item, dict) else []
        if not paths or not all(isinstance(path, str) for path in paths) or not isinstance(item.get("split"), str):
            raise DataError(
                f"{folder / 'README.md'}: each of `data_files` should have `split` and `path`, got {item!r}."
            )
        for path in paths:
            if "://" in path or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(base, path).parts:
                raise DataError(f"{folder / 'README.md'}: the data file {path!r} is outside the folder. Copy it there.")
        patterns[item["split"]] = tuple(_glob(PurePosixPath(base, path)) for path in paths)
    return patterns


def _glob(path: PurePosixPath) -> str:
    """As pathlib wants it: `**` is a whole part of a path, and what it ends in is every file below."""
    parts = [part if part == "**" else part.replace("**", "*") for part in path.parts] or ["**"]
    return "/".join([*parts, "*"] if parts[-1] == "**" else parts)


def _class_names(features: Sequence[Any]) -> dict[str, tuple[str, ...]]:
    """README features: a list of {name, dtype: {class_label: {names: {'0': neg, '1': pos}}}}."""
    found = {}
    for feature in features:
        kind = feature.get("dtype") if isinstance(feature, dict) else None
        labels = kind.get("class_label") if isinstance(kind, dict) else None
        names = labels.get("names") if isinstance(labels, dict) and "name" in feature else None
        if isinstance(names, dict) and set(map(str, names)) == {str(number) for number in range(len(names))}:
            names = [names[key] for key in sorted(names, key=int)]
        if isinstance(names, list):
            found[str(feature["name"])] = tuple(str(name) for name in names)
    return found


def _matching(folder: Path, patterns: Sequence[str]) -> tuple[Path, ...]:
    found: dict[Path, None] = {}
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            if path.is_file() and _may_hold_rows(path.relative_to(folder)):
                found[path] = None
    other = [path for path in found if path.suffix.lower() not in EXTENSIONS]
    if other:
        raise DataError(f"{other[0]}: files that end in {', '.join(EXTENSIONS)} are expected.")
    return tuple(found)


def _may_hold_rows(path: Path) -> bool:
    hidden = any(part.startswith((".", "__")) for part in path.parts)
    return not hidden and path.name not in _NOT_DATA and path.suffix.lower() not in (".md", ".txt", ".py")


def _by_name(folder: Path) -> tuple[dict[str, tuple[Path, ...]], tuple[str, ...]]:
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in EXTENSIONS and path.is_file() and _may_hold_rows(path.relative_to(folder))
    )
    splits: dict[str, list[Path]] = {}
    unnamed = []
    for path in files:
        split = split_of_file(PurePosixPath(path.relative_to(folder).as_posix()))
        if split is None:
            unnamed.append(path)
        else:
            splits.setdefault(split, []).append(path)
    if not splits and len(unnamed) == 1:
        return {"train": (unnamed[0],)}, ()
    if not splits:
        raise _nothing(folder, unnamed)
    _check_one_home(folder, splits)
    notes = [f"{path.relative_to(folder).as_posix()} names no split and was left out." for path in unnamed]
    chosen = {split: _shards(folder, split, paths, notes) for split, paths in splits.items()}
    return chosen, tuple(notes)


def _check_one_home(folder: Path, splits: Mapping[str, Sequence[Path]]) -> None:
    """Two configurations in two folders must not be poured together."""
    homes: dict[str, None] = {}
    for path in (path for paths in splits.values() for path in paths):
        parents = path.relative_to(folder).parent.parts
        homes["/".join(part for part in parents if split_of_file(PurePosixPath(part)) is None)] = None
    if len(homes) > 1:
        raise DataError(
            f"{folder} has data files in several folders ({listing(sorted(homes))}), "
            "of which only one can be meant. Give that folder as the data."
        )


def _shards(folder: Path, split: str, paths: Sequence[Path], notes: list[str]) -> tuple[Path, ...]:
    """Files that differ in numbers only are one split's shards; else the one that is named for the split alone."""
    alike = {(path.parent, _DIGITS.sub("#", path.name)) for path in paths}
    if len(alike) == 1:
        return tuple(paths)
    exact = [path for path in paths if path.stem.lower() == split]
    if len(exact) != 1:
        names = listing([path.relative_to(folder).as_posix() for path in paths])
        raise DataError(
            f"{folder} has several files that could be the {split} split: {names}. Leave one of them there."
        )
    left = [path.relative_to(folder).as_posix() for path in paths if path != exact[0]]
    notes.append(f"{listing(left)} left out: {exact[0].name} is the {split} split.")
    return (exact[0],)


def _nothing(folder: Path, unnamed: Sequence[Path]) -> DataError:
    expected = "train.csv and test.csv (or .tsv, .jsonl, .parquet), the hub's layout, or aclImdb's are expected"
    if unnamed:
        names = listing([path.name for path in unnamed])
        return DataError(f"{folder} has data files, but none names a split: {names}; {expected}.")
    there = sorted(path.name for path in folder.iterdir())
    seen = f"it holds {listing(there)}" if there else "it is empty"
    return DataError(f"{folder} has no data files that can be read: {expected}; {seen}.")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
