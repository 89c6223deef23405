"""A folder of text files: SPLIT/LABEL/*.txt, the layout of the raw `aclImdb` download."""

from __future__ import annotations

import re
from pathlib import Path

from lightune.data.files import file_size
from lightune.data.split_names import TEST, TRAIN, VALIDATION, canonical, canonical_names
from lightune.data.tables import Table, concat, text_table
from lightune.errors import DataError

_UNLABELLED = ("unsup", "unsupervised", "unlabelled", "unlabeled")
_NUMBER = re.compile(r"[0-9]+")


def is_text_folder(folder: Path) -> bool:
    """Say whether a train folder has a folder of .txt files in it."""
    return any(canonical(path.name) == TRAIN and _labels(path) for path in folder.iterdir() if path.is_dir())


def read_text_folder(folder: Path) -> tuple[dict[str, Table], tuple[str, ...]]:
    """Read the splits: labels in order of name, files in order of number. Each text is its file's, byte for byte.

    Returns the tables by split (columns text, label, file), and notes. Raises DataError naming a file that is not
    UTF-8.
    """
    known = (TRAIN, VALIDATION, TEST)
    found = sorted(path for path in folder.iterdir() if path.is_dir() and canonical(path.name) in known)
    names = canonical_names([path.name for path in found if _labels(path)], str(folder))
    tables, notes = {}, []
    for path in found:
        labels = _labels(path)
        for label in [label for label in labels if label.name.lower() in _UNLABELLED]:
            labels.remove(label)
            notes.append(f"{path.name}/{label.name} holds no labels and was left out.")
        if labels:
            tables[names[path.name]] = concat([_read_label(path, label) for label in labels])
    return tables, tuple(notes)


def _labels(split: Path) -> list[Path]:
    return sorted(path for path in split.iterdir() if path.is_dir() and any(path.glob("*.txt")))


def _read_label(split: Path, label: Path) -> Table:
    files = sorted(label.glob("*.txt"), key=_order)
    texts = tuple(_read(path) for path in files)
    names = tuple(f"{split.name}/{label.name}/{path.name}" for path in files)
    return text_table(str(label), {"text": texts, "label": (label.name,) * len(files), "file": names})


def _order(path: Path) -> tuple[list[int], str]:
    """aclImdb's files are called NUMBER_STARS.txt."""
    return [int(number) for number in _NUMBER.findall(path.stem)], path.name


def _read(path: Path) -> str:
    file_size(path, str(path))
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 (at byte {error.start}). Save it again as UTF-8.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
