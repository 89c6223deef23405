"""How a model is trained when the user does not say: steps by the data's size, learning rate by the model's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lightune.config import TrainingConfig

EPOCHS = 3.0
# A few hundred rows need more passes than three to learn from; a hundred thousand have said it all before the first.
LEAST_STEPS, MOST_STEPS = 240, 2000
MOST_EPOCHS = 20.0
# Width of the hidden states up to which a learning rate for LoRA holds. The small one was tried out on IMDb's
# validation cut (docs/log.md). From GPT-2's size on: about ten times what a full fine-tune takes (Schulman et al.
# 2025, "LoRA Without Regret"), which for GPT-2's usual 5e-5 is 5e-4; the LoRA paper used 2e-4 on GPT-2 medium and
# large.
LORA_RATES = ((384, 1e-3), (1024, 5e-4), (math.inf, 2e-4))
# With every weight trained, a small model's rate is from a trial too; the larger ones' are what their papers use.
FULL_RATES = ((384, 3e-4), (1024, 5e-5), (math.inf, 2e-5))


@dataclass(frozen=True)
class Recipe:
    """A training's settings with every default resolved.

    step_rows: rows of an optimizer step. evaluate_every: steps between two looks at the validation split.
    """

    steps: int
    epochs: float
    step_rows: int
    batch_size: int
    learning_rate: float
    schedule: str
    warmup_steps: int
    weight_decay: float
    max_grad_norm: float
    evaluate_every: int
    patience: int
    select_by: str
    class_weights: str
    frozen_dropout: bool
    top_blocks: int | None = None
    head_rate: float = 1.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values for the record; `top_blocks` and `head_rate` where they were asked for."""
        plain = {"top_blocks": None, "head_rate": 1.0}
        return {name: value for name, value in asdict(self).items() if plain.get(name, self) != value}


def resolve_recipe(
    config: TrainingConfig, rows: int, width: int, rates: Sequence[tuple[float, float]] = LORA_RATES
) -> Recipe:
    """Fill in what `config` leaves open, for `rows` training rows and a model whose hidden states are `width` wide.

    rates: (width up to which a learning rate holds, the rate), rising.

    Without epochs or max_steps: three epochs, but at least LEAST_STEPS steps (in at most MOST_EPOCHS epochs) and at
    most MOST_STEPS.
    """
    step_rows = min(config.batch_size * config.accumulation, rows)
    per_epoch = math.ceil(rows / step_rows)
    if config.max_steps is not None:
        steps = config.max_steps
    elif config.epochs is not None:
        steps = max(1, math.ceil(config.epochs * per_epoch))
    else:
        steps = max(math.ceil(EPOCHS * per_epoch), min(LEAST_STEPS, math.ceil(MOST_EPOCHS * per_epoch)))
        steps = min(steps, MOST_STEPS)
    rate = config.learning_rate or next(rate for limit, rate in rates if width <= limit)
    return Recipe(
        steps=steps,
        epochs=steps / per_epoch,
        step_rows=step_rows,
        batch_size=config.batch_size,
        learning_rate=rate,
        schedule=config.schedule,
        warmup_steps=round(config.warmup * steps),
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        evaluate_every=max(1, math.ceil(steps / config.evaluations)),
        patience=config.patience,
        select_by=config.select_by,
        class_weights=config.class_weights,
        frozen_dropout=config.frozen_dropout,
        top_blocks=config.top_blocks,
        head_rate=config.head_rate,
    )
