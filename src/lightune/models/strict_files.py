"""Files of a folder that may be anybody's: where they may lie, JSON of bounded size and depth, headers of tensors."""

from __future__ import annotations

import json
import math
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from lightune.errors import ModelError

MOST_JSON, MOST_DEPTH = 64 * 2**20, 50
# Of what is no configuration: vocabularies, merges, terms.
MOST_TEXT = 2**30
MOST_HEADER = 32 * 2**20
LENGTH = 8
# What no real tensor has more of: their product is taken.
MOST_SIDES, MOST_SIDE = 16, 2**48
# What the hub's library has fetched in pieces lies once for all repositories of a cache, under the hash of its content.
SHARED, SHARED_MARKER = re.compile(r"([0-9a-f]{2})/\1[0-9a-f]{62}"), ".huggingface-shared-blobs"
# Bits that a number takes, by the names that safetensors has for types of whole bytes and less.
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64,
}  # fmt: skip


@dataclass(frozen=True)
class Declared:
    """A tensor as the header of its file declares it. bits: that each of its numbers takes."""

    shape: tuple[int, ...]
    bits: int

    @property
    def numbers(self) -> int:
        """How many it holds."""
        return math.prod(self.shape)


def check_place(path: Path, root: Path | None = None) -> None:
    """Raise ModelError unless `path` is a regular file that lies in `root`, by default the folder that it is named in.

    A link may point to a file below the same folder. One in a snapshot of the hub's cache, or in a folder of it, may
    point into the `blobs` of the same repository, or to what the cache's repositories share, as the hub's library lays
    them.
    """
    folder = (root or path.parent).resolve()
    try:
        real = path.resolve(strict=True)
        regular = stat.S_ISREG(real.stat().st_mode)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        raise ModelError(f"{path}: it cannot be read (it links to nothing that is there).") from error
    if not real.is_relative_to(folder) and not _is_blob(real, folder):
        raise ModelError(
            f"{path}: it links to {real}, outside of its folder, and is not read. Put the file itself there."
        )
    if not regular:
        raise ModelError(f"{path}: a file is expected, but it is none.")


def _is_blob(real: Path, folder: Path) -> bool:
    """Whether `real`, without links, is where the hub's cache that `folder` lies in keeps a file of its repository."""
    snapshots = next((one for one in folder.parents if one.name == "snapshots"), None)
    if snapshots is None or not snapshots.parent.name.startswith("models--"):
        return False
    store = snapshots.parent.parent / "blobs"
    if real.is_relative_to(store):
        return (store / SHARED_MARKER).is_file() and SHARED.fullmatch(real.relative_to(store).as_posix()) is not None
    return real.is_relative_to(snapshots.parent / "blobs")


def check_size(path: Path, most: int) -> None:
    """Raise ModelError for a file of more than `most` bytes."""
    size = path.stat().st_size
    if size > most:
        raise ModelError(f"{path}: at most {most:,} bytes are read of such a file, but it has {size:,}.")


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object of at most 64 MB and a depth of 50. Raises ModelError."""
    check_size(path, MOST_JSON)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else error
        raise ModelError(f"{path.parent}: {path.name} cannot be used: JSON is expected ({reason}).") from error
    if not isinstance(found, dict):
        raise ModelError(
            f"{path.parent}: {path.name} cannot be used: a JSON object is expected, got {type(found).__name__}."
        )
    for _, _, depth in entries(found):
        if depth > MOST_DEPTH:
            raise ModelError(
                f"{path.parent}: {path.name} cannot be used: values nested {MOST_DEPTH} deep are the most."
            )
    return found


def entries(found: dict[str, Any]) -> Iterator[tuple[str, Any, int]]:
    """Every key of an object and of the objects in it, with its value and its depth."""
    waiting: list[tuple[Any, int]] = [(found, 1)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, dict):
            for key, one in value.items():
                yield str(key), one, depth
                waiting.append((one, depth + 1))
        elif isinstance(value, list):
            if depth > MOST_DEPTH:
                yield "", value, depth
            waiting.extend((one, depth + 1) for one in value if isinstance(one, (dict, list)))


def read_header(path: Path) -> dict[str, Declared]:
    """The tensors of a safetensors file by name, without reading one.

    Raises ModelError unless the header is of bounded size, names each tensor once, and declares just the bytes that
    follow it, each belonging to one tensor.
    """
    size = path.stat().st_size
    with path.open("rb") as handle:
        length = int.from_bytes(handle.read(LENGTH), "little")
        if size < LENGTH or length > size - LENGTH:
            _broken(path, "it is cut off, or no safetensors file")
        if length > MOST_HEADER:
            _broken(path, f"its header claims {length:,} bytes, and at most {MOST_HEADER:,} are read")
        text = handle.read(length)
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else error
        _broken(path, f"its header is no JSON object with each name once: {reason}")
    if not isinstance(header, dict):
        _broken(path, "its header is no JSON object")
    header.pop("__metadata__", None)
    spans = []
    found = {}
    for name, entry in header.items():
        declared, span = _declared(path, name, entry)
        found[name] = declared
        spans.append(span)
    at = 0
    for begin, end in sorted(spans):
        if begin != at:
            _broken(path, "the places of its tensors overlap, or leave a gap")
        at = end
    if at != size - LENGTH - length:
        _broken(path, f"its tensors take {at:,} bytes, and {size - LENGTH - length:,} are there")
    return found


def _declared(path: Path, name: str, entry: Any) -> tuple[Declared, tuple[int, int]]:
    values = entry if isinstance(entry, dict) else {}
    shape, span = _counts(values.get("shape")), _counts(values.get("data_offsets"))
    bits = BITS.get(str(values.get("dtype")))
    if shape is not None and (len(shape) > MOST_SIDES or max(shape, default=0) > MOST_SIDE):
        _broken(path, f"{name[:200]!r} has a shape that no tensor has")
    if bits is None or shape is None or span is None or len(span) != 2 or span[0] > span[1]:
        _broken(path, f"{name!r} has no type, shape and place that can be read")
    declared = Declared(tuple(shape), bits)
    if declared.numbers * bits != 8 * (span[1] - span[0]):
        _broken(path, f"{name!r} of shape {list(shape)} does not fit its {span[1] - span[0]:,} bytes")
    return declared, (span[0], span[1])


def _counts(value: Any) -> list[int] | None:
    return value if isinstance(value, list) and all(type(one) is int and one >= 0 for one in value) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _broken(path: Path, what: str) -> NoReturn:
    raise ModelError(f"{path.parent}: {path.name} cannot be read ({what}). Save or fetch it again.")
