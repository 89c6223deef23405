"""Which trial is trained on next, and where the next one is drawn."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lightune.config import StudyConfig
from lightune.search.halving import Job, best_trial, next_job, rungs_of
from lightune.search.sampling import propose
from lightune.search.space import HEAD, RANK, RATE, Among, Between, applied, default_space
from lightune.search.trial import Searched, Trial, read_search, write_search

SPACE = default_space(StudyConfig(), 5e-4)


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


def test_the_first_trial_is_what_would_be_used_without_a_search() -> None:
    first = propose(SPACE, [], 0, True)
    assert first == {RATE: 5e-4, RANK: 8, HEAD: 1.0}
    assert applied(StudyConfig(), first).lora == StudyConfig().lora


def test_the_same_trials_and_seed_propose_the_same_after_json_too(tmp_path: Path) -> None:
    trials: tuple[Trial, ...] = ()
    for at in range(12):
        values = propose(SPACE, trials, 0, True)
        assert 5e-5 <= values[RATE] <= 5e-3
        assert values[RANK] in (4, 8, 16, 32)
        assert 0.3 <= values[HEAD] <= 10
        scores = (math.nan,) if at == 3 else (abs(math.log(values[RATE] / 2e-3)), 0.1)[: 1 + at % 2]
        trials = (*trials, Trial(at, values, scores))
    assert len({trial.values[RATE] for trial in trials}) == 12
    write_search(tmp_path / "s.json", Searched("f", "loss", (1, 3, 9), trials))
    again = read_search(tmp_path / "s.json")
    assert again is not None
    assert json.loads((tmp_path / "s.json").read_text())["trials"][3]["scores"] == [None]
    assert propose(SPACE, again.trials, 0, True) == propose(SPACE, trials, 0, True)
    assert propose(SPACE, trials, 1, True) != propose(SPACE, trials, 0, True)


@pytest.mark.full
def test_what_did_well_is_looked_at_more_closely() -> None:
    trials: list[Trial] = []
    for at in range(40):
        values = propose(SPACE, trials, 0, True)
        trials.append(Trial(at, values, (abs(math.log(values[RATE] / 2e-3)),)))
    early, late = ([abs(math.log(trial.values[RATE] / 2e-3)) for trial in part] for part in (trials[:8], trials[-16:]))
    assert np.median(late) < np.median(early) / 2


def test_values_become_options_and_alpha_goes_with_the_rank() -> None:
    config = applied(StudyConfig(), {RATE: 1e-3, RANK: 32.0, HEAD: 3.0})
    assert (config.training.learning_rate, config.training.head_rate) == (1e-3, 3.0)
    assert (config.lora.rank, config.lora.alpha) == (32, 64.0)
    assert isinstance(config.lora.rank, int)
    assert SPACE.dimensions[:2] == (Between(RATE, 5e-5, 5e-3), Among(RANK, (4, 8, 16, 32)))
