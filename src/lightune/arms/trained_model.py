"""What every fine-tune has in common: rows to tokens, the training, and what is told of it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from torch import nn

from lightune.arms.base import ArmContext, FitFacts
from lightune.compute import Encoder, softmax
from lightune.evaluation import point_metrics, positive_index
from lightune.methods import trainable_parameters
from lightune.models import Classifier, embedding_shape
from lightune.records import Rows
from lightune.training import TokenRows, fit, resolve_recipe


def train_model(
    context: ArmContext,
    base: Classifier,
    encoder: Encoder,
    model: nn.Module,
    rates: Sequence[tuple[float, float]],
    train: Rows,
    validation: Rows,
) -> FitFacts:
    """Train whatever of `model` wants a gradient, in place, and keep the best by `validation`.

    rates: (width of the hidden states up to which a learning rate holds, the rate). Raises RunError when the training
    diverges.
    """
    config = context.config
    recipe = resolve_recipe(config.training, len(train), embedding_shape(base.model)[1], rates)
    positive = positive_index(context.label_names, context.positive_label)
    start = time.perf_counter()
    rows = TokenRows(encoder.encode(train.texts), train.labels)
    held_out = TokenRows(encoder.encode(validation.texts), validation.labels)
    trained = fit(
        model,
        rows,
        held_out,
        recipe,
        lambda labels, logits: point_metrics(labels, softmax(logits), positive),
        head=base.head.modules,
        pad_id=int(base.tokenizer.pad_token_id),
        seed=context.seed,
        checkpoints=context.scratch / "checkpoints",
        progress=context.progress,
    )
    seconds = time.perf_counter() - start + trained.seconds_before
    changed, total = trainable_parameters(model)
    cut = int(rows.encoded.cut.sum())
    notes = (base.head.note, f"{cut:,} of {len(rows):,} training texts were cut at {encoder.max_length} tokens.")
    return FitFacts(
        seconds,
        changed,
        total,
        trained.tokens,
        trained.rows,
        trained.facts,
        notes,
        base.head.state,
        validation_use=f"chose the step by {recipe.select_by}" + (", and when to stop" if recipe.patience else ""),
    )
