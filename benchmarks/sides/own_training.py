"""lightune's LoRA: the arm itself, as a study runs it, told to stand still between turns by the progress it reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.common.serve import Session
from benchmarks.sides.stepping import Stepping

LABELS = ("neg", "pos")


def run(spec: dict[str, Any], session: Session) -> None:
    """Train until nobody asks for another turn."""
    stepping = Stepping(session, spec["steps"], spec["warm"])

    def progress(phase: str, done: int, total: int, facts: dict[str, Any]) -> None:  # noqa: ARG001
        if phase == "train" and not facts:  # with facts it tells of a loss, not of a step
            stepping.step(peak_bytes=peak_bytes())

    fit(spec, progress)


def peak_bytes() -> int:
    """This process's peak so far."""
    from lightune.runtime import peak_memory_bytes

    return peak_memory_bytes()


def fit(spec: dict[str, Any], progress: Any) -> Any:
    """Fit the arm on the spec's rows and return what it fitted.

    spec: model, rows (a file), max_length, total_steps, learning_rate, targets (names; None: every linear layer),
    dropout (of the frozen layers, as the model's configuration has it), seed, scratch (an empty folder).
    """
    from lightune.arms.base import ArmContext
    from lightune.arms.registry import make_arm
    from lightune.config import LoraConfig, ModelConfig, StudyConfig, TrainingConfig

    train = rows_of(Path(spec["rows"]))
    config = StudyConfig(
        model=ModelConfig(spec["model"], max_length=spec["max_length"]),
        arms=("lora",),
        training=TrainingConfig(
            max_steps=spec["total_steps"],
            learning_rate=spec["learning_rate"],
            batch_size=spec["step_rows"],
            evaluations=1,
            patience=0,
            frozen_dropout=spec["dropout"],
        ),
        lora=LoraConfig(rank=8, alpha=16.0, target_modules=tuple(spec["targets"]) if spec["targets"] else None),
        seed=spec["seed"],
    )
    scratch = Path(spec["scratch"])
    context = ArmContext(
        spec="lora",
        config=config,
        label_names=LABELS,
        positive_label=LABELS[1],
        data_fingerprint="benchmark",
        seed=spec["seed"],
        train_size=len(train),
        scratch=scratch,
        cache=scratch / "cache",
        progress=progress,
    )
    # It looks at its validation rows once, after the last turn: two are enough.
    return make_arm(context).fit(train, train.take(both_labels(train)))


def rows_of(path: Path) -> Any:
    """Texts and labels as lightune's rows."""
    import numpy as np

    from lightune.data import row_ids
    from lightune.records import Rows

    held = json.loads(path.read_text(encoding="utf-8"))
    return Rows(tuple(held["texts"]), np.asarray(held["labels"], dtype=np.int64), row_ids(held["texts"]))


def both_labels(rows: Any) -> list[int]:
    """The first row of each label."""
    labels = rows.labels.tolist()
    return [labels.index(label) for label in sorted(set(labels))]
