from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lightune.evaluation import method_terms, unequal_terms
from lightune.records import ArmResult, Cost, DataFacts, RateTrial, SeedScores, StudyResult, UnequalTerm

from .ladder import TRAINING, arm

TRIALS = tuple(RateTrial(rate, loss, 20, 4.5) for rate, loss in ((1e-4, 0.6), (5e-4, 0.5), (2e-3, math.nan)))


def tuned(name: str, trials: tuple[RateTrial, ...] = (), rate: object = 5e-4, **changes: object) -> ArmResult:
    """A fine-tuned arm; changes: of its training."""
    facts = replace(TRAINING, recipe={"learning_rate": rate, "step_rows": 16}, trials=trials)
    seeds = tuple(SeedScores(seed, rows, {}, None) for seed, rows in ((0, 100), (1, 100), (0, 20)))
    cost = Cost(20.0, 1.0, 10, 1000, 100, 10)
    return arm(name, cost=cost, seeds=seeds, training=replace(facts, **changes))  # type: ignore[arg-type]


def study(*arms: ArmResult, rate: float | None = None) -> StudyResult:
    facts = DataFacts("x", "x", ("a", "b"), "b", "text", "label", {}, 0)
    return StudyResult(1, {"training": {"learning_rate": rate}}, {}, facts, arms, ())


def test_terms_are_those_of_the_arms_that_were_fine_tuned_and_are_done() -> None:
    full = replace(tuned("full"), cost=Cost(1.0, 1.0, 1000, 1000, 1, 1))
    found = method_terms(study(arm("tfidf"), tuned("lora", TRIALS), full, replace(tuned("ia3"), status="failed")))
    assert [(each.arm, each.adapter) for each in found] == [("lora", True), ("full", False)]
    assert (found[0].rows, found[0].seeds, found[0].search_seconds) == (100, 2, 13.5)


@pytest.mark.parametrize(
    ("trials", "given", "found"),
    [(TRIALS, None, "searched"), ((), 5e-4, "given"), ((), 1e-3, "default"), ((), None, "default")],
)
def test_where_a_learning_rate_comes_from(trials: tuple[RateTrial, ...], given: float | None, found: str) -> None:
    (terms,) = method_terms(study(tuned("lora", trials), rate=given))
    assert (terms.rate_from, terms.learning_rate) == (found, 5e-4)


@pytest.mark.parametrize(("rate", "edge"), [(1e-4, "lowest"), (5e-4, ""), (2e-3, "highest"), (None, ""), ("x", "")])
def test_a_rate_at_the_edge_of_what_was_tried(rate: object, edge: str) -> None:
    assert method_terms(study(tuned("lora", TRIALS, rate)))[0].at_edge == edge
    assert method_terms(study(tuned("lora", TRIALS[:1], rate)))[0].at_edge == ""


def test_equal_terms_are_no_difference() -> None:
    assert unequal_terms(study(tuned("lora", TRIALS), tuned("dora", TRIALS, 1e-4, steps=7))) == ()
    assert unequal_terms(study()) == unequal_terms(study(tuned("lora"))) == ()


def test_what_differs_is_said_with_who_has_which() -> None:
    other = replace(tuned("ia3", planned_steps=9), seeds=(SeedScores(0, 50, {}, None),))
    settings = {"learning_rate": 1.0, "step_rows": 8}
    assert unequal_terms(study(tuned("lora", TRIALS), tuned("dora", TRIALS[:1]), other)) == (
        UnequalTerm("how the learning rate was found", {"searched": ("lora", "dora"), "default": ("ia3",)}),
        UnequalTerm("learning rates tried", {3: ("lora",), 1: ("dora",)}),
        UnequalTerm("training rows", {100: ("lora", "dora"), 50: ("ia3",)}),
        UnequalTerm("planned steps", {1: ("lora", "dora"), 9: ("ia3",)}),
        UnequalTerm("seeds", {2: ("lora", "dora"), 1: ("ia3",)}),
    )
    # Every search may add one rate at its end.
    assert unequal_terms(study(tuned("lora", TRIALS), tuned("dora", TRIALS[:2]))) == ()
    assert unequal_terms(study(tuned("lora"), tuned("dora", recipe=settings))) == (
        UnequalTerm("step rows", {16: ("lora",), 8: ("dora",)}),
    )


def test_a_setting_that_came_back_as_a_list_is_no_fault() -> None:
    first, second = (tuned(name, recipe={"schedule": value}) for name, value in (("lora", ["a"]), ("dora", "b")))
    assert unequal_terms(study(first, second)) == (UnequalTerm("schedule", {"['a']": ("lora",), "b": ("dora",)}),)
