from __future__ import annotations

import pytest

from lightune.whole import whole_file, write_whole


def test_a_file_takes_its_place_when_all_went_well(tmp_path):
    write_whole(tmp_path / "a.txt", "ü\r\n")
    assert (tmp_path / "a.txt").read_bytes() == "ü\r\n".encode()
    with whole_file(tmp_path / "a.txt") as scratch:
        scratch.write_text("new")
        assert (tmp_path / "a.txt").read_bytes() == "ü\r\n".encode()
    assert (tmp_path / "a.txt").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_what_goes_wrong_leaves_the_old_file_and_nothing_else(tmp_path):
    write_whole(tmp_path / "a.txt", "old")
    with pytest.raises(UnicodeEncodeError), whole_file(tmp_path / "a.txt") as scratch:
        scratch.write_text("half of \ud800", encoding="utf-8")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
