"""Methods of fine-tuning side by side: on what terms each was trained, and in which they differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lightune.records import (
    DEFAULT,
    GIVEN,
    SEARCHED,
    ArmResult,
    RateTrial,
    StudyResult,
    Terms,
    TrainingFacts,
    UnequalTerm,
)

# Settings of the training itself, whatever the method; what a method has of its own is what makes it that method.
SETTINGS = (
    "step_rows",
    "schedule",
    "weight_decay",
    "max_grad_norm",
    "evaluate_every",
    "patience",
    "select_by",
    "class_weights",
    "frozen_dropout",
    "top_blocks",
    "head_rate",
)
# What a record means that does not name a setting.
UNSAID = {"top_blocks": "all", "head_rate": 1.0}


def method_terms(result: StudyResult) -> tuple[Terms, ...]:
    """The terms of each arm that was fine-tuned and is done, in the study's order."""
    given = _given(result.config)
    return tuple(
        _terms(arm, arm.training, given) for arm in result.arms if arm.status == "done" and arm.training is not None
    )


def unequal_terms(result: StudyResult) -> tuple[UnequalTerm, ...]:
    """The terms in which the arms of `method_terms` differ.

    How the learning rate was found, the number of rates tried, training rows, planned steps, seeds, and what SETTINGS
    names. The rate itself is no such term, since each method needs its own; nor are the steps that were taken, which a
    training that stops early decides. A setting that some arms have no record of is left out.
    """
    terms = method_terms(result)
    facts = {arm.name: arm.training.recipe for arm in result.arms if arm.training is not None}
    found = [
        _unequal("how the learning rate was found", {each.arm: each.rate_from for each in terms}),
        _unequal_trials({each.arm: len(each.trials) for each in terms if each.trials}),
        _unequal("training rows", {each.arm: each.rows for each in terms}),
        _unequal("planned steps", {each.arm: each.planned_steps for each in terms}),
        _unequal("seeds", {each.arm: each.seeds for each in terms}),
    ]
    for name in SETTINGS:
        values = {each.arm: facts[each.arm].get(name, UNSAID.get(name)) for each in terms}
        if None not in values.values():
            found.append(_unequal(name.replace("_", " "), values))
    return tuple(each for each in found if each is not None)


def _unequal_trials(tried: Mapping[str, int]) -> UnequalTerm | None:
    """The numbers of rates tried, where they differ by more than the one that every search may add at its end."""
    if not tried or max(tried.values()) - min(tried.values()) <= 1:
        return None
    return _unequal("learning rates tried", tried)


def _terms(arm: ArmResult, facts: TrainingFacts, given: float | None) -> Terms:
    rate = facts.recipe.get("learning_rate")
    rate = float(rate) if isinstance(rate, int | float) else None
    rows = max((run.train_size for run in arm.seeds), default=0)
    cost = arm.cost
    return Terms(
        arm=arm.name,
        adapter=cost is not None and cost.trainable_parameters < cost.total_parameters,
        learning_rate=rate,
        # The configuration is that of the study's last call; an arm that was done before may have trained by a default.
        rate_from=SEARCHED if facts.trials else GIVEN if given is not None and given == rate else DEFAULT,
        trials=facts.trials,
        search_seconds=math.fsum(trial.seconds for trial in facts.trials),
        at_edge=_edge(rate, facts.trials),
        steps=facts.steps,
        planned_steps=facts.planned_steps,
        rows=rows,
        seeds=sum(run.train_size == rows for run in arm.seeds),
    )


def _given(config: Mapping[str, Any]) -> float | None:
    """The learning rate that the study was asked for, if it was."""
    training = config.get("training")
    rate = training.get("learning_rate") if isinstance(training, Mapping) else None
    return float(rate) if isinstance(rate, int | float) else None


def _edge(rate: float | None, trials: Sequence[RateTrial]) -> str:
    rates = [trial.learning_rate for trial in trials]
    if rate is None or len(set(rates)) < 2:
        return ""
    return {min(rates): "lowest", max(rates): "highest"}.get(rate, "")


def _unequal(what: str, values: Mapping[str, Any]) -> UnequalTerm | None:
    """The term, unless all arms have the same value."""
    groups: dict[Any, list[str]] = {}
    for arm, value in values.items():
        # What came back from JSON may be a list, which is no key.
        groups.setdefault(value if isinstance(value, str | int | float) else str(value), []).append(arm)
    return UnequalTerm(what, {value: tuple(arms) for value, arms in groups.items()}) if len(groups) > 1 else None
