"""lightune answering: the saved adapter, loaded as anyone loads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.common.serve import Session


def run(spec: dict[str, Any], session: Session) -> None:
    """spec: artifact (a folder that lightune saved), rows, warm (texts of the warm-up), answers (a file)."""
    import lightune

    texts = json.loads(Path(spec["rows"]).read_text(encoding="utf-8"))["texts"]
    classifier = lightune.load(spec["artifact"])
    classifier.probabilities(texts[: spec["warm"]])

    def answer() -> None:
        found = classifier.probabilities(texts)
        Path(spec["answers"]).write_text(json.dumps(found.tolist()), encoding="utf-8")

    session.turns(answer)
