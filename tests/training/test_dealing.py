"""Rows shared out to processes: each once, about as many tokens for each, and as many batches."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lightune.compute import Layout
from lightune.errors import RunError
from lightune.training.dealing import deal, share
from lightune.training.saved_state import RandomState
from lightune.training.trainer import StepTrainer, collected


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("rows", [1, 7, 101])
@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
def test_every_row_is_dealt_once_and_every_process_has_as_many_batches(rows, size, packed):
    lengths = np.random.default_rng(rows).integers(1, 60, rows)
    shares = [share(lengths, Layout(packed, rows=4, tokens=100).batches, rank, size) for rank in range(size)]
    assert sorted(row for one in shares for row in one.rows) == list(range(rows))
    assert len({len(one.batches) + one.fillers for one in shares}) == 1


def test_one_process_has_what_it_has_without_others():
    lengths = np.asarray([3, 9, 4, 9])
    assert share(lengths, Layout(False).batches, 0, 1).batches == Layout(False).batches(lengths)


def test_no_process_has_a_longest_rows_tokens_more_than_another():
    lengths = np.random.default_rng(0).integers(1, 500, 200)
    loads = [int(lengths[own].sum()) for own in deal(lengths, 4)]
    assert max(loads) - min(loads) <= lengths.max()


def test_answers_of_all_processes_come_in_the_rows_order():
    shares = [([2, 0], np.asarray([[2.0], [0.0]])), ([1], np.asarray([[1.0]]))]
    assert collected(shares, 3).tolist() == [[0.0], [1.0], [2.0]]


@pytest.mark.parametrize("second", [[0], [1, 1], []], ids=["one twice", "too many", "one missing"])
def test_a_row_that_is_not_answered_exactly_once_is_no_look(second):
    with pytest.raises(RunError, match="Each of 2 rows is to be answered once"):
        collected([([0], np.zeros((1, 2))), (second, np.zeros((len(second), 2)))], 2)


def drawn(rank: int, step: int) -> float:
    """What dropout would begin with in a process at a step."""
    group, state = SimpleNamespace(first=rank == 0, rank=rank), SimpleNamespace(global_step=step)
    torch.manual_seed(7)
    StepTrainer._draw_apart(SimpleNamespace(group=group, args=SimpleNamespace(seed=0), state=state))
    return float(torch.rand(()))


def test_each_process_draws_for_itself_and_again_the_same_after_a_cut():
    state = RandomState.now()
    try:
        draws = [drawn(rank, step) for rank in (0, 1, 2) for step in (3, 4)]
        assert draws[0] == draws[1] == float(torch.rand((), generator=torch.Generator().manual_seed(7)))
        assert len(set(draws)) == 5  # the first goes on with its own
        assert drawn(1, 3) == draws[2]
    finally:
        state.restore()
