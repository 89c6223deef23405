"""pipeline("text-classification") of stock transformers, on the merged model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.common.serve import Session


def run(spec: dict[str, Any], session: Session) -> None:
    """spec: model (a folder of stock transformers), rows, max_length, batch, warm, answers (a file)."""
    from transformers import pipeline

    answer_with(pipeline("text-classification", model=spec["model"], device="cpu"), spec, session)


def answer_with(classify: Any, spec: dict[str, Any], session: Session, **facts: Any) -> None:
    """Turns of a pipeline over the spec's texts. Probabilities are written in the order of the labels' names.

    With `sort` in the spec the texts go in by length, as a user would who knows that it saves padding.
    """
    texts = json.loads(Path(spec["rows"]).read_text(encoding="utf-8"))["texts"]
    order = sorted(range(len(texts)), key=lambda row: -len(texts[row])) if spec.get("sort") else list(range(len(texts)))
    options = {"truncation": True, "max_length": spec["max_length"], "batch_size": spec["batch"], "top_k": None}
    classify(texts[: spec["warm"]], **options)

    def answer() -> None:
        found = classify([texts[row] for row in order], **options)
        rows = [[one["score"] for one in sorted(each, key=lambda one: one["label"])] for each in found]
        placed = [rows[at] for _, at in sorted(zip(order, range(len(order)), strict=True))]
        Path(spec["answers"]).write_text(json.dumps(placed), encoding="utf-8")

    session.turns(answer, **facts)
