"""Digests against known answers."""

from __future__ import annotations

import pytest

from lightune.digests import file_digest


@pytest.mark.parametrize(
    ("content", "known"),
    [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ],
)
def test_a_digest_is_of_the_bytes(tmp_path, content, known):
    (tmp_path / "a").write_bytes(content)
    assert file_digest(tmp_path / "a") == known
