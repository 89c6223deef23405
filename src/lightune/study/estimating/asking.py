"""What each arm is to rehearse: its settings and its rows, by what kind of arm it is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lightune.arms import arm_kind
from lightune.catalogue import METHODS
from lightune.config import MethodsConfig, StudyConfig
from lightune.records import Plan, Rows, RunKey, Splits
from lightune.study.estimating.reading import Reading, characters
from lightune.study.estimating.rehearsal import RehearsalSpec
from lightune.study.estimating.samples import ANSWERS, LOOK, Steps, rehearsed_steps, rows_for, token_budget
from lightune.study.estimating.work import Lengths, step_rows
from lightune.study.portion import portion

TRAINED, FEATURES, ROWS, READY = "trained", "features", "rows", "ready"
# Characters of the texts that an arm without a model is fitted on: a second or two of TF-IDF.
CHARACTERS = 2_000_000
# Of two fittings, what the smaller one has of the larger one's rows.
SMALLER = 1 / 3
# Steps of a training in which its largest micro-batch is looked for.
WALKED = 400


@dataclass(frozen=True)
class Asked:
    """A rehearsal and what it was asked for. kind: TRAINED, FEATURES, ROWS or READY, which learns nothing: how its
    fitting is to be understood."""

    kind: str
    spec: RehearsalSpec
    seen: Splits
    steps: Steps | None = None


def kind_of(arm: str) -> str:
    """How the arm's fitting grows with its rows."""
    if arm in METHODS or arm == "full":
        return TRAINED
    if arm == "probe":
        return FEATURES
    return ROWS if arm_kind(arm).learns else READY


def ask(config: StudyConfig, splits: Splits, arm: str, key: RunKey, reading: Reading, folder: Path) -> Asked:
    """Choose the rehearsal of `arm`, of whose runs `key` is the first. folder: where the splits lie, and its scratch
    may."""
    seen, kind = portion(splits, config, key), kind_of(arm)
    spec = RehearsalSpec(config, arm, key, str(folder), str(folder / "rehearsals" / arm_kind(arm).name), (), (), 0.0)
    if not arm_kind(arm).needs_model:
        fits, answers = _by_characters(seen, key.seed)
        return Asked(kind, replace(spec, fits=fits, answers=answers, asked=time.time()), seen)
    test = reading.lengths(seen.test)
    budget = token_budget(reading.weights)
    answers = tuple(rows_for(test, share * budget, key.seed + at) for at, share in enumerate((ANSWERS[0], *ANSWERS)))
    if kind != TRAINED:
        fits = _fits(seen, reading.lengths(seen.train), budget / 2, key.seed)
        fits = fits[:1] if kind == READY else fits
        return Asked(kind, replace(spec, fits=fits, answers=answers, asked=time.time()), seen)
    train, validation = reading.lengths(seen.train), reading.lengths(seen.validation)
    steps = rehearsed_steps(train, _largest(config, train, reading.width, key.seed), budget, key.seed)
    fit = (steps.rows, rows_for(validation, LOOK * budget, key.seed))
    short = _short(config, len(steps.steps), steps.size)
    return Asked(kind, replace(spec, config=short, fits=(fit,), answers=answers, asked=time.time()), seen, steps)


def _short(config: StudyConfig, steps: int, size: int) -> StudyConfig:
    """The study's settings for a training of so many steps of one micro-batch, looked at twice."""
    training = replace(
        config.training,
        max_steps=steps,
        batch_size=size,
        accumulation=1,
        evaluations=2,
        patience=0,
        select_by="loss",
    )
    return replace(config, training=training, methods=MethodsConfig(config.methods.options, rate_trials=0))


def _largest(config: StudyConfig, lengths: Lengths, width: int, seed: int) -> list[int]:
    """The rows of the largest micro-batch of the training's first steps, with the tokens that a plan takes where
    memory is no matter."""
    from lightune.runtime import pick_device
    from lightune.training import CPU_TOKENS, GPU_TOKENS, micro_batches, resolve_recipe

    tokens = GPU_TOKENS if pick_device().name == "cuda" else CPU_TOKENS
    plan = Plan(1, packed=True, onednn=False, micro_tokens=tokens, checkpointing=False)
    recipe = resolve_recipe(config.training, len(lengths), width)
    found: list[int] = []
    for rows in step_rows(len(lengths), replace(recipe, steps=min(recipe.steps, WALKED)), seed):
        own = lengths[rows]
        for batch in micro_batches(plan, own, recipe.batch_size):
            chosen = [rows[at] for at in batch]
            if int(lengths[chosen].sum()) > int(lengths[found].sum() if found else 0):
                found = chosen
    return found


def _by_characters(
    seen: Splits, seed: int
) -> tuple[tuple[tuple[tuple[int, ...], tuple[int, ...]], ...], tuple[tuple[int, ...], ...]]:
    test = characters(seen.test)
    answers = tuple(rows_for(test, share * CHARACTERS, seed) for share in (ANSWERS[0], *ANSWERS))
    return _fits(seen, characters(seen.train), CHARACTERS, seed), answers


def _fits(
    seen: Splits, lengths: Lengths, budget: float, seed: int
) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    """A small fitting, which meets everything for the first time, the same again, and a larger one; with as many
    validation rows for each training row as the study has."""
    share = len(seen.validation) / len(seen.train)
    fits = []
    for part in (SMALLER, SMALLER, 1.0):
        train = _with_each_label(seen.train, rows_for(lengths, part * budget, seed, least=2))
        count = max(round(share * len(train)), 1)
        order = np.random.default_rng(seed).permutation(len(seen.validation))[:count]
        fits.append((train, _with_each_label(seen.validation, tuple(np.sort(order).tolist()))))
    return tuple(fits)


def _with_each_label(rows: Rows, chosen: Sequence[int]) -> tuple[int, ...]:
    """The chosen rows and one of each label that is not among them."""
    there = set(rows.labels[list(chosen)].tolist())
    labels, first = np.unique(rows.labels, return_index=True)
    more = [int(at) for label, at in zip(labels.tolist(), first, strict=True) if label not in there]
    return tuple(sorted({*chosen, *more}))
