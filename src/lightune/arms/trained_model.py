"""What every fine-tune has in common: rows to tokens, the training, and what is told of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn
from transformers import TrainerCallback

from lightune.arms.base import ArmContext, FitFacts
from lightune.arms.frozen_trunk import FrozenTrunk
from lightune.compute import Encoder, softmax
from lightune.errors import Diverged
from lightune.evaluation import point_metrics, positive_index
from lightune.methods import trainable_parameters
from lightune.models import Classifier, embedding_shape
from lightune.progress import Progress
from lightune.ranks import Group
from lightune.records import Plan, RateTrial, Rows
from lightune.runtime import move
from lightune.training import (
    NOTHING,
    Checkpoints,
    Demands,
    Recipe,
    StepSampler,
    TokenRows,
    Trained,
    fit,
    load_trained,
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

    @property
    def spared(self) -> float:
        """Seconds that tokenising the rows had taken in an earlier run of the study."""
        return self.train.encoded.spared + self.validation.encoded.spared

    def texts(self, seed: int) -> list[NDArray[np.int32]]:
        """The token ids of all texts that the training sees with this seed, the validation's too."""
        rows, steps = self.train.encoded, self.recipe.steps
        order = StepSampler(len(rows), self.recipe.step_rows, seed)
        seen = sorted(chain.from_iterable(islice(order, steps)))  # of the first epoch: a longer training sees all
        return [*(rows.ids[row] for row in seen), *self.validation.encoded.ids]

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
    with context.group.first_goes_first():
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
    trunk: FrozenTrunk | None = None,
    callbacks: Sequence[TrainerCallback] = (),
) -> Trained:
    """Train whatever of `model` wants a gradient, in place, and keep the best by validation.

    trunk: gives the states of the blocks below the adapter. callbacks: hear of the training. Raises RunError when
    the training diverges.
    """
    positive = positive_index(context.label_names, context.positive_label)

    def measure(labels: NDArray[np.int64], logits: NDArray[np.float64]) -> Mapping[str, float]:
        return point_metrics(labels, softmax(logits), positive)

    with trunk.serving(base, lesson.texts(context.seed)) if trunk is not None else nullcontext():
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
            demands=replace(demands, rate_factors={**demands.rate_factors, **_head_factors(base, lesson.recipe)}),
            callbacks=callbacks,
            halvings=context.halvings,
            group=context.group,
        )


def _out_of_memory(plan: Plan | None) -> tuple[str, ...]:
    if plan is None or not plan.halvings:
        return ()
    times = "once" if plan.halvings == 1 else f"{plan.halvings} times"
    again = ", and activations were computed again" if plan.checkpointing else ""
    return (
        f"The run was out of memory {times} and went on from its last checkpoint with micro-batches of at most "
        f"{plan.micro_tokens:,} tokens{again}. The rows of each optimizer step are the same as without that.",
    )


def _shared(group: Group) -> tuple[str, ...]:
    if group.alone:
        return ()
    return (
        f"{group.size} processes shared each optimizer step's rows. Seconds are those that all of them took at once, "
        "memory is that of the first.",
    )


def _head_factors(base: Classifier, recipe: Recipe) -> dict[str, float]:
    if recipe.head_rate == 1.0:
        return {}
    return {f".{module}.": recipe.head_rate for module in base.head.modules}


@dataclass(frozen=True)
class Pupil:
    """A base, and what of it learns: itself, or an adapter on it."""

    base: Classifier
    model: nn.Module


def put_back(checkpoint: Path, again: Callable[[], Pupil]) -> Pupil:
    """A pupil made `again` as it was at a checkpoint, on the device: in place of one that was spread over processes."""
    found = again()
    load_trained(found.model, checkpoint)
    move(found.model)
    return found


def best_of(error: Diverged, context: ArmContext, pupil: Pupil, again: Callable[[], Pupil]) -> Pupil:
    """`pupil` of a training that diverged as it was at its best look, if there was one."""
    if not (context.group.sharded and context.group.first) or error.best_step is None:
        return pupil
    return put_back(Checkpoints(context.scratch / "checkpoints").folder(error.best_step), again)


def train_model(
    context: ArmContext,
    pupil: Pupil,
    lesson: Lesson,
    start: float,
    again: Callable[[], Pupil],
    demands: Demands = NOTHING,
    trials: tuple[RateTrial, ...] = (),
    trunk: FrozenTrunk | None = None,
) -> tuple[Pupil, FitFacts]:
    """`teach`, and tell of it. start: when the work on the lesson began, by time.perf_counter, without the trials.
    again: makes the pupil as it was before. Returns it as it is at its best; only the first process of several has it
    so. Raises what `teach` does."""
    base, model = pupil.base, pupil.model
    looked = time.perf_counter()
    before = tensor_digests(model)
    start += time.perf_counter() - looked  # looking at it is no part of its training
    trained = teach(context, base, model, lesson, context.scratch / "checkpoints", context.progress, demands, trunk)
    spread = context.group.sharded and not context.group.first
    if context.group.sharded and context.group.first and trained.best is not None:
        pupil = put_back(trained.best, again)
        base, model = pupil.base, pupil.model
    seconds = time.perf_counter() - start + trained.seconds_before + sum(trial.seconds for trial in trials)
    seconds += lesson.spared - (0.0 if trunk is None else trunk.filled.waited)  # in its trials too
    changed, total = trainable_parameters(model)
    rows, recipe = lesson.train, lesson.recipe
    cut = int(rows.encoded.cut.sum())
    notes = (
        base.head.note,
        f"{cut:,} of {len(rows):,} training texts were cut at {lesson.max_length} tokens.",
        *(trunk.notes if trunk is not None else ()),
        *trained.notes,
        *_out_of_memory(trained.facts.plan),
        *_shared(context.group),
    )
    use = f"chose the step by {recipe.select_by}" + (", and when to stop" if recipe.patience else "")
    facts = FitFacts(
        seconds,
        changed,
        total,
        trained.tokens + sum(trial.tokens for trial in trials),
        trained.rows + sum(trial.rows for trial in trials),
        replace(trained.facts, trials=trials),
        notes,
        base.head.state,
        observed=None if spread else observe(model, base.head.modules, before),
        validation_use=f"chose the learning rate by loss; {use}" if trials else use,
    )
    return pupil, facts
