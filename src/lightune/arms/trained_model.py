"""What every fine-tune has in common: rows to tokens, the training, and what is told of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from lightune.arms.base import ArmContext, FitFacts
from lightune.compute import Encoder, softmax
from lightune.evaluation import point_metrics, positive_index
from lightune.methods import trainable_parameters
from lightune.models import Classifier, embedding_shape
from lightune.progress import Progress
from lightune.records import Plan, RateTrial, Rows
from lightune.training import (
    NOTHING,
    Demands,
    Recipe,
    TokenRows,
    Trained,
    fit,
    observe,
    plan_training,
    resolve_recipe,
    tensor_digests,
)


@dataclass(frozen=True)
class Lesson:
    """What a fine-tune learns from: the rows as tokens, and how."""

    train: TokenRows
    validation: TokenRows
    recipe: Recipe
    max_length: int

    def at_rate(self, learning_rate: float) -> Lesson:
        """The same with another learning rate."""
        return replace(self, recipe=replace(self.recipe, learning_rate=learning_rate))

    def shorter(self, steps: int, learning_rate: float, rows: NDArray[np.int64]) -> Lesson:
        """A trial of it: so many steps with this rate, judged once at the end by `rows` of the validation rows."""
        recipe = replace(
            self.recipe,
            steps=steps,
            learning_rate=learning_rate,
            warmup_steps=round(self.recipe.warmup_steps * steps / self.recipe.steps),
            evaluate_every=steps,
            patience=0,
            select_by="loss",
        )
        return replace(self, validation=self.validation.take(rows), recipe=recipe)


def prepare(
    context: ArmContext,
    base: Classifier,
    encoder: Encoder,
    rates: Sequence[tuple[float, float]],
    train: Rows,
    validation: Rows,
) -> Lesson:
    """Tokenise the rows and settle the recipe.

    rates: (width of the hidden states up to which a learning rate holds, the rate).
    """
    recipe = resolve_recipe(context.config.training, len(train), embedding_shape(base.model)[1], rates)
    rows = TokenRows(encoder.encode(train.texts), train.labels)
    held_out = TokenRows(encoder.encode(validation.texts), validation.labels)
    return Lesson(rows, held_out, recipe, encoder.max_length)


def planned(base: Classifier, model: nn.Module, lesson: Lesson) -> Plan:
    """What the training of `lesson` would be computed by on this machine."""
    return plan_training(model, lesson.train, lesson.recipe, int(base.tokenizer.pad_token_id))


def teach(
    context: ArmContext,
    base: Classifier,
    model: nn.Module,
    lesson: Lesson,
    checkpoints: Path,
    progress: Progress,
    demands: Demands = NOTHING,
) -> Trained:
    """Train whatever of `model` wants a gradient, in place, and keep the best by validation.

    Raises RunError when the training diverges.
    """
    positive = positive_index(context.label_names, context.positive_label)

    def measure(labels: NDArray[np.int64], logits: NDArray[np.float64]) -> Mapping[str, float]:
        return point_metrics(labels, softmax(logits), positive)

    return fit(
        model,
        lesson.train,
        lesson.validation,
        lesson.recipe,
        measure,
        head=base.head.modules,
        pad_id=int(base.tokenizer.pad_token_id),
        seed=context.seed,
        checkpoints=checkpoints,
        progress=progress,
        demands=demands,
    )


def train_model(
    context: ArmContext,
    base: Classifier,
    model: nn.Module,
    lesson: Lesson,
    start: float,
    demands: Demands = NOTHING,
    trials: tuple[RateTrial, ...] = (),
) -> FitFacts:
    """`teach`, and tell of it. start: when the work on the lesson began, by time.perf_counter, without the trials."""
    looked = time.perf_counter()
    before = tensor_digests(model)
    start += time.perf_counter() - looked  # looking at it is no part of its training
    trained = teach(context, base, model, lesson, context.scratch / "checkpoints", context.progress, demands)
    seconds = time.perf_counter() - start + trained.seconds_before + sum(trial.seconds for trial in trials)
    changed, total = trainable_parameters(model)
    rows, recipe = lesson.train, lesson.recipe
    cut = int(rows.encoded.cut.sum())
    notes = (base.head.note, f"{cut:,} of {len(rows):,} training texts were cut at {lesson.max_length} tokens.")
    use = f"chose the step by {recipe.select_by}" + (", and when to stop" if recipe.patience else "")
    return FitFacts(
        seconds,
        changed,
        total,
        trained.tokens + sum(trial.tokens for trial in trials),
        trained.rows + sum(trial.rows for trial in trials),
        replace(trained.facts, trials=trials),
        notes,
        base.head.state,
        observed=observe(model, base.head.modules, before),
        validation_use=f"chose the learning rate by loss; {use}" if trials else use,
    )
