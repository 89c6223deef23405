"""What is measured of a fitted arm: its answers, its temperature, what it cost."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lightune.evaluation import fit_temperature
from lightune.records import Cost, Predictions, Rows, RunKey, Splits
from lightune.runtime import peak_device_memory_bytes, peak_memory_bytes

if TYPE_CHECKING:
    from lightune.arms.base import FitFacts, Fitted, Predicted


def predictions_of(
    key: RunKey, splits: Splits, seeds: tuple[int, ...], answers: Mapping[str, Predicted]
) -> list[Predictions]:
    """The answers as they are saved: a record for each split and seed."""
    return [
        Predictions(
            arm=key.arm,
            split=name,
            train_size=key.train_size,
            seed=seed,
            label_names=splits.label_names,
            row_ids=rows.row_ids,
            labels=rows.labels,
            probabilities=probabilities,
        )
        for name, rows in splits.evaluated().items()
        if name in answers
        for seed, probabilities in zip(seeds, answers[name].probabilities, strict=True)
    ]


def answers_of(fitted: Fitted, splits: Splits) -> dict[str, Predicted]:
    """What the arm says of each evaluated split. A file of predictions need not have the extra ones."""
    from lightune.arms.predictions_file import NoAnswer

    answers = {"test": fitted.predict_each(splits.test)}
    for name, rows in splits.extra.items():
        with contextlib.suppress(NoAnswer):
            answers[name] = fitted.predict_each(rows)
    return answers


def temperature_of(fitted: Fitted, validation: Rows) -> float | None:
    """Fit the temperature on what the arm said of validation before it learned from it; None where it says nothing."""
    from lightune.arms.predictions_file import NoAnswer

    if fitted.facts.labels_only:
        return None
    held_out = fitted.facts.held_out
    try:
        probabilities = fitted.predict_each(validation).probabilities[0] if held_out is None else held_out
    except NoAnswer:
        return None
    return fit_temperature(validation.labels, probabilities)


def cost_of(facts: FitFacts, test: Predicted, rows: int) -> Cost | None:
    """What the run took; None for answers that were made elsewhere."""
    if test.seconds <= 0:
        return None
    return Cost(
        fit_seconds=facts.fit_seconds,
        predict_seconds=test.seconds,
        trainable_parameters=facts.trainable_parameters,
        total_parameters=facts.total_parameters,
        peak_memory_bytes=peak_memory_bytes(),
        artifact_bytes=0,
        fit_tokens_per_second=_rate(facts.tokens, facts.fit_seconds),
        fit_rows_per_second=_rate(facts.rows, facts.fit_seconds),
        predict_tokens_per_second=_rate(test.tokens, test.seconds),
        predict_rows_per_second=_rate(rows, test.seconds),
        peak_device_memory_bytes=peak_device_memory_bytes(),
    )


def _rate(count: int, seconds: float) -> float | None:
    return count / seconds if count and seconds > 0 else None
