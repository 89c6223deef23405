"""What the trained arms of a study would be computed by on this machine, before anything runs."""

from __future__ import annotations

import gc
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lightune.arms import arm_kind, make_arm, settled
from lightune.config import StudyConfig
from lightune.data import load_splits
from lightune.errors import LightuneError
from lightune.progress import silent
from lightune.records import ArmPlan, RunKey, Splits, StudyPlan
from lightune.runtime import available_memory_bytes, pick_device
from lightune.study.plan import plan_runs
from lightune.study.portion import portion
from lightune.study.preflight import preflight

if TYPE_CHECKING:
    from lightune.arms.base import ArmContext

# Weights, their gradients and AdamW's two running means.
FULL_COPIES = 4


def study_plan(config: StudyConfig) -> StudyPlan:
    """Plan the training of each trained arm: loads the model, measures a few texts, trains and writes nothing.

    Raises InputError, as `run_study` does.
    """
    config = replace(config, arms=tuple(settled(arm) for arm in config.arms))
    splits = load_splits(config.data)
    preflight(config, splits)
    first = {run.arm: run.key for run in reversed(plan_runs(config, splits)) if arm_kind(run.arm).trained}
    device = pick_device()
    with tempfile.TemporaryDirectory() as scratch:
        arms = tuple(
            _arm_plan(arm, context_of(config, splits, arm, first[arm], Path(scratch)), splits)
            for arm in config.arms
            if arm in first
        )
    return StudyPlan(device.name, device.precision, arms, not_picked(config, device.name))


def context_of(config: StudyConfig, splits: Splits, arm: str, key: RunKey, scratch: Path) -> ArmContext:
    """What an arm is told when it is tried out: all that a run of `key` tells it, but for its folders."""
    from lightune.arms.base import ArmContext

    facts = splits.facts
    return ArmContext(
        spec=arm,
        config=config,
        label_names=splits.label_names,
        positive_label=facts.positive_label,
        data_fingerprint=facts.fingerprint,
        seed=key.seed,
        train_size=key.train_size,
        scratch=scratch,
        cache=scratch / "cache",
        progress=silent,
    )


def why_too_big(config: StudyConfig, splits: Splits, arm: str) -> str | None:
    """Why the model's weights alone, as the arm holds them, are more than this machine has free; None where they fit,
    and for an arm that needs no model."""
    if not arm_kind(arm).needs_model:
        return None
    from lightune.models import find_model, weight_bytes

    copies = held_copies(arm)
    needs = copies * weight_bytes(find_model(config.model.source).config, len(splits.label_names))
    free = available_memory_bytes()
    if needs <= free:
        return None
    held = "its weights, gradients and the optimizer's state take" if copies > 1 else "its weights alone take"
    return (
        f"The model does not fit: {held} {needs / 1e9:.1f} GB, of which this machine has {free / 1e9:.1f} GB free. "
        "Take a smaller --model or a machine with more memory."
    )


def held_copies(arm: str) -> int:
    """How often an arm holds as many numbers as the model has weights."""
    return FULL_COPIES if arm == "full" else 1


def not_picked(config: StudyConfig, device: str) -> dict[str, str]:
    """What would save time or memory and is left to the user, since it changes answers or settings."""
    left = {}
    if device == "cpu":
        left["bfloat16"] = "it rounds to three digits, and most CPUs compute it slower than float32"
    left["int8 or 4-bit weights"] = "they give other answers; qlora is an arm of its own, int8 an export"
    if config.training.frozen_dropout:
        left["no dropout in frozen weights"] = "you asked for it with --frozen-dropout; off is faster"
    else:
        left["dropout in frozen weights"] = "off by lightune's default, a hyperparameter; --frozen-dropout turns it on"
    left["training the last blocks alone"] = "that is another method, with another result"
    left["shorter texts"] = "what is cut is not read; --max-length does it"
    return left


def _arm_plan(arm: str, context: ArmContext, splits: Splits) -> ArmPlan:
    seen = portion(splits, context.config, RunKey(arm, context.train_size, context.seed))
    reason = why_too_big(context.config, splits, arm)
    made = make_arm(context)
    if reason is None and not hasattr(made, "plan"):
        reason = "an arm of another package, which says nothing of how it computes"
    if reason is not None:
        return ArmPlan(arm, None, reason)
    try:
        return ArmPlan(arm, made.plan(seen.train, seen.validation))  # type: ignore[attr-defined]
    except LightuneError as error:
        return ArmPlan(arm, None, str(error))
    finally:
        gc.collect()  # the next arm's model is not to wait for room behind this one's
