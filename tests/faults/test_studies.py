"""Studies that are killed, in a short form; and that it is seen where a run that is done is done again."""

from __future__ import annotations

import random

import pytest

from faults import studies
from lightune.study import study as study_module

pytestmark = pytest.mark.full


def test_a_study_that_is_killed_records_each_run_once(tmp_path):
    for line in studies.run(tmp_path, short=True):
        assert line.holds, line


def test_a_study_that_forgets_what_is_done_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(study_module, "check_same_runs", lambda *_: {})
    ladder = studies._made(tmp_path, (), 1)
    monkeypatch.setattr(studies, "MOST_TRIES", 0)
    found = studies.kill_often(ladder, tmp_path / "warm", 3, random.Random(0))
    assert found.again
    assert not found.line("forked", ladder.runs, 3).holds
