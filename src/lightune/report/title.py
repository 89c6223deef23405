"""What a study is called: which model on which data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from lightune.records import StudyResult
from lightune.report.escape import short


def title(result: StudyResult) -> str:
    """The model and the data in a few words: "gpt2 on imdb", "embedded model on embedded reviews"."""
    model = result.config.get("model")
    source = model.get("source") if isinstance(model, Mapping) else None
    data = _named(result.data.source, "embedded reviews")
    return f"{_named(str(source), 'embedded model')} on {data}" if source else data


def _named(source: str, embedded: str) -> str:
    """A hub id as it is; of a path its last part."""
    if source == "embedded":
        return embedded
    path = PurePath(source)
    local = path.is_absolute() or source.startswith((".", "~")) or len(path.parts) > 2
    return short((path.name if local else source) or source, 60)
