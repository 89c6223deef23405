"""Disks that fill up for real, in short."""

from __future__ import annotations

import pytest

from faults import disk


@pytest.mark.full
def test_a_study_whose_disk_is_full_goes_on_once_there_is_room(tmp_path):
    lines = disk.run(tmp_path, short=True)
    assert lines
    assert [line for line in lines if not line.holds] == []
