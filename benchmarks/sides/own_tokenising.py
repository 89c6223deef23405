"""lightune's encoder: tokens, cut, and which texts were cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.common.serve import Session


def run(spec: dict[str, Any], session: Session) -> None:
    """spec: model, rows, max_length."""
    from lightune.compute import Encoder
    from lightune.models import find_model, load_tokenizer

    texts = json.loads(Path(spec["rows"]).read_text(encoding="utf-8"))["texts"]
    encoder = Encoder(load_tokenizer(find_model(spec["model"])), spec["max_length"], "head")
    encoder.encode(texts[:100])
    session.turns(lambda: {"tokens": int(encoder.encode(texts).lengths.sum())})
