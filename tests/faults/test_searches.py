"""Searches that are killed, in a short form; and that it is seen where a trial that is kept is forgotten."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from faults import searches

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.full


def in_a_process_of_its_own(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Who forks must not have computed with torch, as other tests have."""
    return subprocess.run([sys.executable, "-c", script, *words], cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_search_that_is_killed_keeps_each_trial_once():
    found = in_a_process_of_its_own("import sys; from faults.searches import main; sys.exit(main(['--short']))")
    assert found.returncode == 0, found.stdout + found.stderr
    assert found.stdout.count("  ok") == 2


def test_trials_that_are_lost_or_changed_are_seen():
    one = {"number": 0, "values": {"x": 1}, "looks": {"1": 0.5}, "state": "WAITING"}
    before = {"trials": [one]}
    assert searches.changed(before, {"trials": [{**one, "looks": {"1": 0.5, "3": 0.4}}]}) == []
    assert searches.changed(before, {"trials": []})
    assert searches.changed(before, {"trials": [{**one, "looks": {"1": 0.6}}]})
    assert searches.changed(before, {"trials": [{**one, "values": {"x": 2}}]})
    assert searches.changed(before, {"trials": [one, one]})
    assert "trial 0: WAITING" in searches.unfinished(before)


def test_a_kill_that_hit_no_trial_is_known():
    waiting = {"trials": [{"state": "WAITING", "tries": 0}]}
    assert not searches.hit(waiting, waiting)
    assert searches.hit(waiting, {"trials": [{"state": "RUNNING", "tries": 0}]})
    assert searches.hit(waiting, {"trials": [{"state": "COMPLETE", "tries": 1}]})
    died = {"trials": [{"state": "COMPLETE", "tries": 1}]}
    assert not searches.hit(died, died)
