from __future__ import annotations

import numpy as np
import pytest

from lightune.arrays import keep_arrays, kept_arrays
from lightune.progress import counting


def test_arrays_come_back_under_their_key_alone(tmp_path):
    numbers = np.arange(6, dtype=np.float32).reshape(2, 3)
    keep_arrays(tmp_path / "a", "key", {"numbers": numbers, "names": np.array(["x", "ü"])})
    kept = kept_arrays(tmp_path / "a", "key")
    assert kept is not None
    assert kept.keys() == {"numbers", "names"}
    np.testing.assert_array_equal(kept["numbers"], numbers)
    assert kept["names"].tolist() == ["x", "ü"]
    assert kept_arrays(tmp_path / "a", "another") is None
    assert kept_arrays(tmp_path / "absent", "key") is None
    assert kept_arrays(tmp_path, "key") is None


def test_a_file_with_any_byte_changed_counts_as_none(tmp_path):
    keep_arrays(tmp_path / "a", "key", {"numbers": np.arange(4)})
    whole = (tmp_path / "a").read_bytes()
    for at in range(0, len(whole), 7):
        (tmp_path / "a").write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
        assert kept_arrays(tmp_path / "a", "key") is None
    (tmp_path / "a").write_bytes(whole[:-1])
    assert kept_arrays(tmp_path / "a", "key") is None


def test_objects_that_would_need_a_pickle_are_not_written(tmp_path):
    with pytest.raises(ValueError):
        keep_arrays(tmp_path / "a", "key", {"objects": np.array([{}], dtype=object)})
    assert list(tmp_path.iterdir()) == []


def test_counting_says_how_many_are_done_so_far():
    said = []
    tick = counting(10, lambda done, total: said.append((done, total)))
    for more in (3, 4, 3):
        tick(more)
    assert said == [(3, 10), (7, 10), (10, 10)]
