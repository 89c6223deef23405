"""What is left of a training that diverged is a help, and never in the way of what happened."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lightune.arms.divergence import BEST, kept_best
from lightune.errors import Diverged
from lightune.ranks import SOLO


def test_a_best_that_cannot_be_saved_does_not_take_the_reason_s_place(tmp_path):
    def unsaved():
        (tmp_path / BEST).mkdir()
        raise MemoryError("no room")

    error = Diverged("The training diverged.")
    error.best_step = 3
    found = kept_best(error, SimpleNamespace(scratch=tmp_path, group=SOLO), unsaved)
    assert str(found) == "The training diverged. Its best could not be kept: MemoryError: no room"
    assert not (tmp_path / BEST).exists()


def test_of_several_processes_only_the_first_keeps_the_best(tmp_path):
    error = Diverged("The training diverged.")
    error.best_step = 4
    other = SimpleNamespace(scratch=tmp_path, group=SimpleNamespace(first=False))
    assert kept_best(error, other, lambda: pytest.fail("it was made")) is error
