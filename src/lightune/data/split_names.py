"""What splits are called: the many names for train, validation and test, in files, folders and columns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from lightune.data.tables import listing
from lightune.errors import DataError

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_NAMES = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("validation", "valid", "val", "dev", "eval", "evaluation"), VALIDATION),
    **dict.fromkeys(("test", "testing"), TEST),
}
# The hub's own names for shards: train-00000-of-00002.parquet. They may name any split.
_SHARD = re.compile(r"(?P<split>.+)-[0-9]{5}-of-[0-9]{5}.*")
LONGEST_NAME = 64
_BETWEEN_WORDS = re.compile(r"[-._ 0-9]+")


def canonical(name: str) -> str:
    """Return train, validation or test for any of their names, else the name itself."""
    return _NAMES.get(name.strip().lower(), name)


def canonical_names(names: Iterable[str], what: str) -> dict[str, str]:
    """Map each split's name to its canonical one; beside an exact `test`, a `testing` keeps its own name.

    Raises DataError when two names stand for the same split.
    """
    given = list(names)
    mapped = {name: name if canonical(name) in given else canonical(name) for name in given}
    for split in set(mapped.values()):
        same = [name for name in given if mapped[name] == split]
        if len(same) > 1:
            raise DataError(f"{what}: {listing(same)} all stand for {split}. Rename all but one.")
    return mapped


def check_split_name(name: str, what: str) -> None:
    """Raise DataError for a name that cannot be a file's, since a study keeps each split in one of its own."""
    if not name or len(name) > LONGEST_NAME or name.startswith(".") or any(sign in name for sign in "/\\\0"):
        raise DataError(
            f"{what}: a split is called {name[:LONGEST_NAME]!r}, but its name becomes a file's: at most {LONGEST_NAME} "
            "characters are expected, no slash, no dot at the start. Rename it."
        )


def split_of_file(path: PurePosixPath) -> str | None:
    """Return the split that a file's name, else one of its folders, names; None where nothing does."""
    stem = path.name.split(".")[0]
    shard = _SHARD.fullmatch(path.name)
    if shard:
        return canonical(shard["split"])
    for part in (stem, *reversed(path.parent.parts)):
        if part.lower() in _NAMES:
            return canonical(part)
        found = {_NAMES[word] for word in _BETWEEN_WORDS.split(part.lower()) if word in _NAMES}
        if len(found) == 1:
            return found.pop()
    return None
