from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lightune.records import CrossValidation, SeedScores
from lightune.report.runs import final_runs, first_answers, first_run, is_mean, run_name, seed_accuracies

from . import factory

GROWN = replace(
    factory.lora(), seeds=(*factory.seed_scores((0.6, 0.5), 100), *factory.seed_scores((0.8, math.nan), 1000))
)


def folded(folds: int, repeats: int, seed: int = 0):
    made = factory.study()
    return replace(made, config={**made.config, "seed": seed}, cross_validation=CrossValidation(folds, repeats))


def test_runs_of_a_learning_curve_are_not_final():
    assert [run.train_size for run in final_runs(GROWN)] == [1000, 1000]
    assert seed_accuracies(GROWN) == [0.8]
    assert final_runs(factory.failed()) == []


def test_a_value_is_a_mean_over_the_final_runs_alone():
    curve = replace(factory.lora(), seeds=(*factory.seed_scores((0.6, 0.5), 100), *factory.seed_scores((0.8,), 1000)))
    assert is_mean(factory.study(), GROWN)
    assert not is_mean(factory.study(), curve)


@pytest.mark.parametrize(("repeats", "mean"), [(1, False), (3, True)])
def test_folds_are_put_together_and_repeats_averaged(repeats, mean):
    assert is_mean(folded(5, repeats), GROWN) is mean


def test_runs_have_names():
    def named(result, seed):
        return run_name(result, SeedScores(seed, 80, {}, None))

    assert named(factory.study(), 7) == "7"
    assert [named(folded(5, 2, 10), seed) for seed in (10, 14, 15, 19)] == [
        *("repeat 1, fold 1", "repeat 1, fold 5", "repeat 2, fold 1", "repeat 2, fold 5"),
    ]
    assert named(folded(5, 1), 2) == "fold 3"


def test_what_stands_for_an_arm():
    assert (first_answers(factory.study()), first_run(factory.study())) == ("first seed", "first seed")
    assert first_answers(folded(5, 2)).startswith("first repeat")
    assert first_run(folded(5, 2)) == "first fold"
