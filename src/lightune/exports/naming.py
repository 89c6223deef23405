"""What to call a base or a data set where no path of this machine belongs."""

from __future__ import annotations

import re
from pathlib import Path

from lightune.config import EMBEDDED

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_FILES = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".txt")


def hub_id(name: str) -> str | None:
    """Return `name` where it is a hub id; None for the embedded one and for a path."""
    looks = _HUB_ID.fullmatch(name) is not None and name != EMBEDDED and not name.lower().endswith(_FILES)
    return name if looks and not Path(name).expanduser().exists() else None


def base_name(name: str) -> str:
    """A hub id as it is, of a path its last part."""
    return hub_id(name) or Path(name).name or name
