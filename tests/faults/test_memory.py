"""Trainings that run out of memory for real, in short."""

from __future__ import annotations

import pytest

from faults import memory


@pytest.mark.full
def test_a_training_out_of_memory_goes_on_in_smaller_micro_batches(tmp_path):
    lines = memory.run(tmp_path, short=True)
    assert lines
    assert [line for line in lines if not line.holds] == []
