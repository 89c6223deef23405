"""What is known of an export: `export.json`, and what it was made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lightune.digests import file_digest
from lightune.errors import ModelError
from lightune.records import Check, Metric, dumps, from_json

ADAPTER, MERGED, ONNX = "adapter", "merged", "onnx"
FORMATS = (ADAPTER, MERGED, ONNX)
EXPORT = "export.json"
EXPORT_FORMAT = 1


@dataclass(frozen=True)
class Quantised:
    """int8 beside float32, on the same rows in ONNX Runtime.

    rows: how many. float32, int8: accuracy with Wilson's interval. delta: int8 minus float32 with the paired
    bootstrap's. changed: the share of rows that get another label, with Wilson's interval; changed_rows: their number.
    difference: the largest in a logit. float32_bytes, int8_bytes: the graphs' sizes.
    """

    rows: int
    float32: Metric
    int8: Metric
    delta: Metric
    changed: Metric
    changed_rows: int
    difference: float
    float32_bytes: int
    int8_bytes: int


@dataclass(frozen=True)
class ExportRecord:
    """What `export.json` holds.

    kind: adapter, merged or onnx. arm: that it was made from. checks: what was compared with the original before the
    folder was named done. quantised: int8 on the study's test rows; None with not_measured, a sentence, where there is
    none. files: SHA-256 of every other file, by its path in the folder.
    """

    format: int
    lightune: str
    kind: str
    arm: str
    checks: tuple[Check, ...]
    quantised: Quantised | None = None
    not_measured: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder` but its `export.json`, by its path with forward slashes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != EXPORT:
            found[name] = file_digest(path)
    return found


def write_record(folder: Path, record: ExportRecord) -> None:
    """Write `export.json` into `folder`."""
    (folder / EXPORT).write_text(dumps(record), encoding="utf-8")


def read_record(folder: Path) -> ExportRecord:
    """Read the `export.json` of `folder`. Raises ModelError where it is absent, damaged or of another format."""
    path = folder / EXPORT
    try:
        record = from_json(ExportRecord, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"{folder}: a folder that `lightune export` wrote is expected, but its {EXPORT} cannot be read ({error})."
        ) from error
    if record.format != EXPORT_FORMAT or record.kind not in FORMATS:
        raise ModelError(
            f"{path}: format {EXPORT_FORMAT} is expected, got format {record.format}, kind {record.kind!r}. Another "
            "version of lightune made it; export again."
        )
    return record


def changed_files(folder: Path, record: ExportRecord) -> list[str]:
    """Say of each file that was added, changed or taken away since the export what became of it."""
    now = digests(folder)
    odd = [f"{name} is not part of it" for name in now if name not in record.files]
    odd += [f"{name} is gone" for name in record.files if name not in now]
    return odd + [f"{name} has changed" for name, digest in record.files.items() if now.get(name, digest) != digest]
