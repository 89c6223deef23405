"""Read a study's results.json back."""

from __future__ import annotations

import json
from pathlib import Path

from lightune.errors import InputError
from lightune.records import SCHEMA_VERSION, StudyResult, from_json

RESULTS = "results.json"


def load_result(folder: Path) -> StudyResult:
    """Read `results.json` from a study's folder.

    Raises InputError, with a sentence on what to do, when it is absent, unreadable or of another schema version.
    """
    path = folder / RESULTS
    if not path.is_file():
        raise InputError(
            f"{folder} holds no {RESULTS}: the folder of a finished study is expected. "
            f"`lightune study --out {folder}` makes one."
        )
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as JSON ({error}). The same `lightune study` command writes it anew."
        ) from error
    if not isinstance(value, dict) or "schema_version" not in value:
        raise InputError(f"{path} is not a study's result: a JSON object with a schema_version is expected.")
    if value["schema_version"] != SCHEMA_VERSION:
        raise InputError(
            f"{path} has schema_version {value['schema_version']!r}, this lightune reads {SCHEMA_VERSION}. "
            "Use the lightune that made it, or run the study again in a new folder."
        )
    try:
        return from_json(StudyResult, value)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise InputError(
            f"{path} is damaged or was edited ({error}). The same `lightune study` command writes it anew."
        ) from error
