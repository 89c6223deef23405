"""What is told where a trial cannot be trained."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from lightune.errors import MachineError
from lightune.search import training
from lightune.search.spec import Work
from lightune.search.training import Trainings


def test_a_process_of_an_earlier_search_is_told_by_the_file_that_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "ORPHAN_SECONDS", 0.01)
    trainings = Trainings.__new__(Trainings)  # without a model
    trainings.context = SimpleNamespace(scratch=tmp_path)
    lock = tmp_path / "3.lock"
    said = f"^Trial 3: a process of an earlier search is still at it: it has held {re.escape(str(lock))} for 0 s"
    with FileLock(lock), pytest.raises(MachineError, match=said):
        trainings.attempt(Work(3, {}, 0))
