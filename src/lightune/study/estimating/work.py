"""How much a training or a prediction computes, counted from the lengths of its texts alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lightune.compute import Layout
    from lightune.records import Plan
    from lightune.training import Recipe

Lengths = NDArray[np.int64]


@dataclass(frozen=True)
class Work:
    """What a machine has to do. calls: optimizer steps, or predictions; batches: forward passes; tokens: with padding;
    squares: sum of the texts' lengths squared, which attention grows with; largest: tokens of the largest batch."""

    calls: int = 0
    batches: int = 0
    tokens: int = 0
    squares: int = 0
    largest: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(
            self.calls + other.calls,
            self.batches + other.batches,
            self.tokens + other.tokens,
            self.squares + other.squares,
            max(self.largest, other.largest),
        )


def work_of(lengths: Lengths, batches: Sequence[Sequence[int]], packed: bool) -> Work:
    """One call over `batches` of row numbers. lengths: tokens of each row, [rows]."""
    found = Work(calls=1)
    for batch in batches:
        own = lengths[list(batch)]
        own = own if packed else np.full(len(own), own.max())
        tokens = int(own.sum())
        found += Work(0, 1, tokens, int((own**2).sum()), tokens)
    return found


def answering_work(lengths: Lengths, layout: Layout) -> Work:
    """A prediction for rows of these `lengths`."""
    return work_of(lengths, layout.batches(lengths), layout.packed) if len(lengths) else Work(calls=1)


def step_rows(rows: int, recipe: Recipe, seed: int) -> Iterator[list[int]]:
    """The row numbers of each of a training's steps, in the order that the training takes them."""
    from lightune.training import StepSampler

    sampler = StepSampler(rows, recipe.step_rows, seed)
    for step in range(recipe.steps):
        epoch, at = divmod(step, len(sampler))
        if at == 0:
            sampler.set_epoch(epoch)
            drawn = list(sampler)
        yield drawn[at]


def training_work(lengths: Lengths, recipe: Recipe, plan: Plan, seed: int) -> Work:
    """All steps of a training on rows of these `lengths`, cut into micro-batches as the training will cut them."""
    from lightune.training import micro_batches

    found = Work()
    for rows in step_rows(len(lengths), recipe, seed):
        own = lengths[rows]
        found += work_of(own, micro_batches(plan, own, recipe.batch_size), plan.packed)
    return found


def new_shapes(lengths: Lengths, recipe: Recipe, plan: Plan, seed: int, most: int) -> int:
    """Tokens of a training's micro-batches that are of a width which none before them had, the first `most` of them."""
    from lightune.training import micro_batches

    found: set[int] = set()
    for rows in step_rows(len(lengths), recipe, seed):
        own = lengths[rows]
        batches = micro_batches(plan, own, recipe.batch_size)
        found |= {width(work_of(own, [batch], plan.packed).tokens, plan.packed) for batch in batches}
        if len(found) >= most:
            break
    return sum(sorted(found)[:most]) if len(found) <= most else int(sum(found) * most / len(found))


def width(tokens: int, packed: bool) -> int:
    """Of the matrices of a batch with so many `tokens`."""
    from lightune.compute import packed_width

    return packed_width(tokens) if packed else tokens


def looks(recipe: Recipe) -> int:
    """How often a training that is not stopped early looks at the validation rows: the last step is always one."""
    return -(-recipe.steps // recipe.evaluate_every)
