"""A fourth of the poisoned artefacts is tried; the guards are missed where they are taken out."""

import pytest
from faults.artefacts import run
from faults.poison_list import POISONS

pytestmark = pytest.mark.full


def test_poisoned_artefacts_are_refused_and_run_nothing(tmp_path):
    lines = run(tmp_path, short=True)
    assert len(lines) == 3
    assert [line for line in lines if not line.holds] == []


def test_there_are_enough_of_them_and_each_has_a_name_of_its_own():
    assert len({one.name for one in POISONS}) == len(POISONS) >= 30
