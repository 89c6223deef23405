"""That the walk through a training counts what the training does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lightune.compute import Layout
from lightune.records import Plan
from lightune.study.estimating.samples import rehearsed_steps, rows_for, token_budget
from lightune.study.estimating.work import answering_work, looks, new_shapes, step_rows, training_work, work_of
from lightune.training import StepSampler
from tests.training.conftest import bases  # noqa: F401
from tests.training.tiny import Training

PLAN = Plan(1, packed=True, onednn=False, micro_tokens=2048, checkpointing=False)


@pytest.mark.full
def test_the_walk_counts_what_a_training_takes(bases: dict[str, Path], tmp_path: Path) -> None:  # noqa: F811
    training = Training(bases["gpt2"], count=22)
    # Three steps an epoch, the last one of 2 rows; looks at 3, 6 and, beyond the interval, 7.
    recipe = training.recipe(max_steps=7, batch_size=10, evaluations=3, patience=0)
    trained = training.fit(recipe, tmp_path)
    plan = trained.facts.plan
    assert plan is not None
    work = training_work(training.train.encoded.lengths, recipe, plan, seed=0)
    assert work.calls == trained.facts.steps == 7
    assert work.tokens == trained.tokens
    assert looks(recipe) == sum(point.validation is not None for point in trained.facts.history) == 3


def test_micro_batches_are_counted_as_they_are_cut() -> None:
    recipe = _recipe(steps=2, step_rows=8, batch_size=4)
    work = training_work(np.full(16, 100), recipe, PLAN, seed=0)
    assert (work.calls, work.batches, work.tokens, work.largest) == (2, 4, 1600, 400)
    assert work.squares == 16 * 100**2


def test_a_size_of_micro_batch_counts_once() -> None:
    recipe = _recipe(steps=20, step_rows=4, batch_size=4)
    # Four rows of 100 tokens, filled up to a multiple of 64.
    assert new_shapes(np.full(16, 100), recipe, PLAN, seed=0, most=50) == 448
    lengths = 2 ** np.arange(16) % 1000
    assert new_shapes(lengths, recipe, PLAN, seed=0, most=50) > new_shapes(lengths, recipe, PLAN, seed=0, most=3) > 0


def test_a_size_of_padded_micro_batch_is_its_own() -> None:
    recipe = _recipe(steps=20, step_rows=2, batch_size=2)
    plan = replace(PLAN, packed=False)
    # Pairs of 90 and 100 tokens, and of either alone: 2 x 90 or 2 x 100 with padding, and nothing is filled up.
    lengths = np.array([90, 90, 90, 100, 100, 100])
    assert new_shapes(lengths, recipe, plan, seed=0, most=50) == 180 + 200


def test_padding_counts_where_texts_are_padded() -> None:
    lengths = np.array([10, 6])
    assert work_of(lengths, [[0, 1]], packed=True).tokens == 16
    padded = work_of(lengths, [[0, 1]], packed=False)
    assert (padded.tokens, padded.squares) == (20, 200)


def test_a_prediction_has_the_batches_of_its_layout() -> None:
    work = answering_work(np.full(130, 10), Layout(packed=True, rows=64, tokens=8192))
    assert (work.calls, work.batches, work.tokens, work.largest) == (1, 3, 1300, 640)


def test_the_steps_are_those_of_the_sampler() -> None:
    recipe = _recipe(steps=5, step_rows=4, batch_size=4)
    found = list(step_rows(10, recipe, seed=3))
    sampler = StepSampler(10, 4, seed=3)
    first = list(sampler)
    sampler.set_epoch(1)
    assert found == [*first, *list(sampler)[:2]]


@pytest.mark.parametrize("seed", [0, 7])
def test_a_rehearsal_sees_its_steps_in_the_order_they_were_chosen(seed: int) -> None:
    lengths = np.random.default_rng(0).integers(10, 500, size=300)
    largest = np.argsort(lengths)[-4:].tolist()
    chosen = rehearsed_steps(lengths, largest, 4_000, seed)
    sampler = StepSampler(len(chosen.rows), chosen.size, seed)
    seen = [tuple(chosen.rows[at] for at in step) for step in sampler]
    assert seen == list(chosen.steps)
    assert seen[0] == tuple(largest)
    totals = [int(lengths[list(step)].sum()) for step in seen]
    # Far enough apart to tell a token's cost from a step's.
    assert max(totals) > 3 * min(totals)
    assert sum(totals) < 4_000 + 2 * totals[0]


def test_a_rehearsal_of_few_rows_takes_some_twice() -> None:
    chosen = rehearsed_steps(np.array([5, 9]), [0, 1], 1_000, seed=0)
    assert set(chosen.rows) == {0, 1}
    assert len(chosen.rows) == 2 * len(chosen.steps)


def test_rows_are_taken_up_to_the_tokens_asked_for() -> None:
    lengths = np.full(50, 10)
    assert len(rows_for(lengths, 200, seed=0)) == 20
    assert len(rows_for(lengths, 3, seed=0)) == 1
    assert len(rows_for(lengths, 1e9, seed=0)) == 50


def test_larger_models_are_rehearsed_on_fewer_tokens() -> None:
    assert token_budget(5_000_000) > token_budget(124_000_000) > token_budget(7_000_000_000) > 0


def _recipe(steps: int, step_rows: int, batch_size: int):
    from dataclasses import replace

    from lightune.config import TrainingConfig
    from lightune.training import resolve_recipe

    recipe = resolve_recipe(TrainingConfig(max_steps=steps, batch_size=batch_size), 16, 32)
    return replace(recipe, step_rows=step_rows)
