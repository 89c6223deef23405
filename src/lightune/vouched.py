"""JSON files that carry the digest of what is in them, so that a harmed one is never taken for another result."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from lightune.whole import write_whole


def write_vouched(path: Path, value: Any) -> None:
    """Write plain values to `path`, whole or not at all."""
    write_whole(path, json.dumps({"sha256": _digest(value), "value": value}))


def read_vouched(path: Path) -> Any:
    """Read what `write_vouched` wrote. Raises OSError, and ValueError where it is not as it was written."""
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or set(found) != {"sha256", "value"} or found["sha256"] != _digest(found["value"]):
        raise ValueError(f"{path}: not as it was written")
    return found["value"]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
