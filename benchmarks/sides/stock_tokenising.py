"""Stock tokenising: the fast tokenizer called once on all texts, or `datasets.map(batched=True)`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.common.serve import Session


def run(spec: dict[str, Any], session: Session) -> None:
    """spec: model, rows, max_length, way: `call` or `map`."""
    from datasets import Dataset, disable_caching, disable_progress_bars
    from transformers import AutoTokenizer

    disable_progress_bars()
    disable_caching()
    texts = json.loads(Path(spec["rows"]).read_text(encoding="utf-8"))["texts"]
    tokenizer = AutoTokenizer.from_pretrained(spec["model"])
    options = {"truncation": True, "max_length": spec["max_length"]}
    tokenizer(texts[:100], **options)

    def call() -> dict[str, Any]:
        return {"tokens": sum(map(len, tokenizer(texts, **options)["input_ids"]))}

    def mapped() -> dict[str, Any]:
        rows = held.map(lambda batch: tokenizer(batch["text"], **options), batched=True, load_from_cache_file=False)
        return {"rows": len(rows)}

    if spec["way"] == "call":
        session.turns(call)
    held = Dataset.from_dict({"text": texts})
    session.turns(mapped)
