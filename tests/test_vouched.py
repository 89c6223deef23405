"""A file of JSON that was harmed is never read as something else."""

from __future__ import annotations

import pytest

from lightune.vouched import read_vouched, write_vouched


def test_what_was_written_is_read(tmp_path):
    value = [{"rate": 1e-3, "loss": float("inf")}, None]
    write_vouched(tmp_path / "a.json", value)
    assert read_vouched(tmp_path / "a.json") == value


def test_every_bit_counts(tmp_path):
    path = tmp_path / "a.json"
    write_vouched(path, [{"rate": 0.001, "steps": 4}])
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ValueError, match=r"."):
            read_vouched(path)
