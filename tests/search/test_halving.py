"""Which trial is trained on next, and where the next one is drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from lightune.search.halving import Job, best_trial, next_job, rungs_of
from lightune.search.trial import RUNNING, Trial


def halved(losses: Callable[[int, int], float], count: int, rungs: int = 3) -> tuple[list[Trial], list[Job]]:
    """All of a search whose trial n has the loss `losses(n, rung)`."""
    trials: list[Trial] = []
    jobs: list[Job] = []
    while (job := next_job(trials, count, rungs, True)) is not None:
        jobs.append(job)
        if job.number == len(trials):
            trials.append(Trial(job.number, {}))
        trial = trials[job.number]
        assert job.rung == len(trial.scores)
        trials[job.number] = replace(trial, scores=(*trial.scores, losses(job.number, job.rung)))
    return trials, jobs


@pytest.mark.parametrize(
    ("steps", "rungs"), [(240, (27, 81, 240)), (9, (1, 3, 9)), (8, (1, 3, 8)), (3, (1, 3)), (1, (1,))]
)
def test_rungs_are_a_ninth_a_third_and_all(steps: int, rungs: tuple[int, ...]) -> None:
    assert rungs_of(steps, pruned=True) == rungs
    assert rungs_of(steps, pruned=False) == (steps,)


def test_the_best_third_goes_on_at_each_rung() -> None:
    quality = np.random.default_rng(0).permutation(20)
    trials, jobs = halved(lambda number, rung: float(quality[number]), 20)
    there = [sum(len(trial.scores) > rung for trial in trials) for rung in range(3)]
    assert there[0] == 20
    assert 6 <= there[1] <= 10  # as many as a third, and those that looked good before better ones came
    assert 2 <= there[2] <= 4
    best = best_trial(trials, 3, True)
    assert best is not None
    assert quality[best.number] == 0
    assert len(jobs) == sum(there)


def test_one_that_was_passed_over_goes_on_when_later_ones_are_worse() -> None:
    losses = [1.0, 2.0, 3.0, 9.0, 9.0, 9.0]
    trials, jobs = halved(lambda number, rung: losses[number], 6)
    assert jobs.index(Job(0, 1)) == 3
    assert jobs.index(Job(1, 1)) > jobs.index(Job(5, 0))
    assert len(trials[2].scores) == 1


def test_more_is_better_for_other_metrics() -> None:
    trials = [Trial(at, {}, (score,)) for at, score in enumerate((0.5, 0.9, 0.7))]
    assert next_job(trials, 3, 2, lower=False) == Job(1, 1)
    assert next_job(trials, 3, 2, lower=True) == Job(0, 1)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_of_few_trials_one_is_trained_in_full(count: int) -> None:
    trials, _ = halved(lambda number, rung: float(number), count)
    best = best_trial(trials, 3, True)
    assert best is not None
    assert best.number == 0


def test_diverged_ones_go_no_further() -> None:
    trials, _ = halved(lambda number, rung: math.nan if number % 2 == 0 else float(number), 6)
    assert all(len(trial.scores) == 1 and trial.diverged for trial in trials[::2])
    assert best_trial(trials, 3, True) == trials[1]
    trials, _ = halved(lambda number, rung: math.nan, 4)
    assert best_trial(trials, 3, True) is None
    # One that diverges above counts where it came from, and the next best goes on.
    trials, _ = halved(lambda number, rung: math.nan if (number, rung) == (0, 1) else float(number), 2)
    assert best_trial(trials, 3, True) == trials[1]


def test_what_is_in_flight_is_counted_and_not_begun_twice() -> None:
    trials = [Trial(at, {}, (float(at),)) for at in range(3)]
    assert next_job(trials, 3, 3, True) == Job(0, 1)
    trials[0] = replace(trials[0], state=RUNNING)  # its place among the best third is taken
    assert next_job(trials, 4, 3, True) == Job(3, 0)
    trials.append(Trial(3, {}, state=RUNNING))
    assert next_job(trials, 4, 3, True) is None
    assert next_job(trials, 4, 3, True, hurry=True) is None


def test_one_whose_first_training_was_cut_off_is_done_before_a_new_one() -> None:
    assert next_job([Trial(0, {}), Trial(1, {}, state=RUNNING)], 9, 3, True) == Job(0, 0)


def test_in_a_hurry_the_best_alone_goes_on() -> None:
    trials = [Trial(at, {}, (float(at),)) for at in range(6)]
    trials[4] = replace(trials[4], scores=(4.0, 3.0))
    assert next_job(trials, 9, 3, True, hurry=True) == Job(4, 2)  # who is further is nearer to the end
    trials[4] = replace(trials[4], scores=(4.0, 3.0, 2.0))
    assert next_job(trials, 9, 3, True, hurry=True) is None
    assert next_job([], 9, 3, True, hurry=True) == Job(0, 0)
