"""Which rows a rehearsal takes: few enough for seconds, and of lengths that tell what a token and what a step cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightune.study.estimating.work import Lengths

# Multiplications and additions of a rehearsal: some ten seconds of two cores of a server.
OPERATIONS = 2e12
# Of a token's training, by weight: two in the forward pass, four in the backward pass.
TRAINING = 6
LEAST_TOKENS, MOST_TOKENS = 1_000, 100_000
LEAST_STEPS, MOST_STEPS = 6, 40
# Of the largest micro-batch: how many tokens the steps of a rehearsal have, in this order. Most micro-batches of a
# training are nearly as large, and what they take is not to be read off smaller ones.
SHARES = (0.25, 1.0, 0.5, 0.8, 0.15)
# What predictions read, of the rehearsal's tokens; a forward pass is a third of a step's work.
ANSWERS = (0.04, 0.15, 0.3, 0.6)
LOOK = 0.1


@dataclass(frozen=True)
class Steps:
    """The steps of a rehearsed training: `rows` of train in the order that the study's sampler takes them apart again
    into `steps`, each of `size` rows."""

    rows: tuple[int, ...]
    steps: tuple[tuple[int, ...], ...]
    size: int


def token_budget(weights: int) -> int:
    """Tokens of a rehearsed training for a model of so many weights."""
    return int(min(max(OPERATIONS / (TRAINING * max(weights, 1)), LEAST_TOKENS), MOST_TOKENS))


def rehearsed_steps(lengths: Lengths, largest: Sequence[int], budget: int, seed: int) -> Steps:
    """Choose the steps of a rehearsal of at most about `budget` tokens.

    largest: rows of the largest micro-batch of the training to come. It comes first, since it warms up the libraries
    and shows the most memory; each further step has as many rows, of lengths that give it a share of its tokens.
    """
    from lightune.training import StepSampler

    size = len(largest)
    whole = int(lengths[list(largest)].sum())
    by_length = np.argsort(lengths, kind="stable")
    steps = [tuple(largest)]
    spent = whole
    while len(steps) < MOST_STEPS and (len(steps) < LEAST_STEPS or spent < budget):
        share = SHARES[(len(steps) - 1) % len(SHARES)]
        rows = _of_length(by_length, lengths, share * whole / size, size)
        steps.append(rows)
        spent += int(lengths[list(rows)].sum())
    order = next(iter(StepSampler(len(steps) * size, len(steps) * size, seed)))
    placed = np.empty(len(order), dtype=np.int64)
    placed[order] = [row for step in steps for row in step]
    return Steps(tuple(placed.tolist()), tuple(steps), size)


def rows_for(lengths: Lengths, tokens: float, seed: int, least: int = 1) -> tuple[int, ...]:
    """Rows drawn at random until they have so many `tokens`, at least `least` rows."""
    order = np.random.default_rng(seed).permutation(len(lengths))
    count = int(np.searchsorted(np.cumsum(lengths[order]), tokens, side="right"))
    return tuple(np.sort(order[: max(count, least)]).tolist())


def _of_length(by_length: NDArray[np.int64], lengths: Lengths, wanted: float, size: int) -> tuple[int, ...]:
    """`size` rows whose lengths are nearest to `wanted`; some come twice where there are fewer."""
    at = int(np.searchsorted(lengths[by_length], wanted))
    start = min(max(at - size // 2, 0), max(len(by_length) - size, 0))
    found = by_length[start : start + size].tolist()
    return tuple((found * size)[:size])
