"""When a search ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lightune.errors import ConfigError
from lightune.search.budget import Budget
from lightune.search.halving import Job
from lightune.search.trial import RUNNING, Searched, Trial


def searched(*scores: tuple[float, ...], state: str = "waiting") -> Searched:
    """Trials that took a second a step."""
    rungs = (10, 30, 90)
    trials = (Trial(at, {}, one, float(rungs[len(one) - 1]) if one else 0.0, state) for at, one in enumerate(scores))
    return Searched("f", "loss", rungs, tuple(trials))


def test_without_anything_it_is_twenty_trials() -> None:
    assert Budget().count == 20
    assert Budget(3, 5).count == 3
    assert Budget(minutes=5).count > 10**6


def test_time_ends_it_while_there_is_enough_left_for_the_winner() -> None:
    budget = Budget(minutes=10)
    begun = searched((1.0,), (2.0,))
    # A new trial's 10 steps, the 80 that bring the best one to the end, and the 90 of its training in the study.
    assert budget.next(begun, 600 - 181) == Job(2, 0)
    assert budget.next(begun, 600 - 179) == Job(0, 1)
    assert budget.next(begun, 10_000) == Job(0, 1)
    assert budget.next(searched((1.0, 1.0), (2.0,)), 10_000) == Job(0, 2)
    # It is over once one was trained in full; with time for another and the training in the study it is not.
    full = searched((1.0, 1.0, 1.0), (2.0,))
    assert budget.next(full, 600 - 101) == Job(2, 0)
    assert budget.next(full, 600 - 99) is None


def test_minutes_that_ended_it_begin_nothing_more_and_others_do() -> None:
    full = searched((1.0, 1.0, 1.0), (2.0,))
    assert Budget(minutes=10).within(full) == 10.0
    assert Budget(2, 10).within(full) is None  # its trials have
    over = replace(full, within=10.0)
    assert Budget(minutes=5).within(over) == 10.0
    assert Budget(minutes=10).next(over, 0.0) is None
    assert Budget(minutes=10.1).next(over, 0.0) == Job(2, 0)
    assert Budget(3).next(over, 10_000) == Job(2, 0)


def test_what_runs_is_waited_for() -> None:
    assert Budget(minutes=1).next(searched((1.0,), state=RUNNING), 10_000) is None


def test_one_trial_is_begun_however_little_time_there_is() -> None:
    assert Budget(minutes=0.001).next(searched(), 100.0) == Job(0, 0)


@pytest.mark.parametrize("budget", [Budget(0), Budget(minutes=0.0), Budget(minutes=float("nan"))])
def test_what_is_no_budget_is_refused(budget: Budget) -> None:
    with pytest.raises(ConfigError, match=r"--(trials|minutes): "):
        budget.check()
