"""lightune's search over learning rate, rank and the head's rate: LoRA on the top blocks, those below read once."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

from benchmarks.common.serve import Session

LABELS = ("neg", "pos")


def run(spec: dict[str, Any], session: Session) -> None:
    """spec: model, rows, validation (two files), max_length, epochs, trials, top_blocks, step_rows, seed, scratch.

    A turn is the whole search in a new folder: nothing that an earlier one has cached is there.
    """
    from lightune.config import DataConfig, ModelConfig, StudyConfig, TrainingConfig
    from lightune.search import find_settings

    scratch = Path(spec["scratch"])
    data = tables(spec, scratch / "data")
    training = {"epochs": spec["epochs"], "batch_size": spec["step_rows"], "top_blocks": spec["top_blocks"]}
    config = StudyConfig(
        model=ModelConfig(spec["model"], max_length=spec["max_length"]),
        data=DataConfig(str(data)),
        arms=("lora",),
        training=TrainingConfig(**training),
        seed=spec["seed"],
    )

    def search() -> dict[str, Any]:
        out = scratch / "search"
        shutil.rmtree(out, ignore_errors=True)
        found = find_settings(config, out, spec["trials"])
        return {"trials": len(found.searched.trials), "winner": dict(found.winner.values)}

    session.turns(search)


def tables(spec: dict[str, Any], folder: Path) -> Path:
    """The rows as a folder that lightune reads; no search looks at its test rows."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in (("train", "rows"), ("validation", "validation"), ("test", "validation")):
        held = json.loads(Path(spec[source]).read_text(encoding="utf-8"))
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(handle)
            writer.writerow(("text", "label"))
            writer.writerows((text, LABELS[label]) for text, label in zip(held["texts"], held["labels"], strict=True))
    return folder
