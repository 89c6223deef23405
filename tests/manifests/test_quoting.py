"""A text of several lines inside YAML: as it reads where that is safe, and always itself."""

from __future__ import annotations

import pytest
import yaml

from lightune.manifests.quoting import block
from tests.manifests.orders import HOSTILE


@pytest.mark.parametrize(
    "text",
    [
        *(f"first: {value}\nlast\n" for value in HOSTILE),
        *("one", "one\n", "one\n\n", "\none\n", " one\ntwo\n", "", "\n", "one\n\n  two \n", "# no remark\n", "a\tb\n"),
    ],
)
def test_it_comes_back_as_it_was(text):
    document = f"data:\n  key: {block(text, 4)}\n  next: 1\n"
    assert yaml.safe_load(document) == {"data": {"key": text, "next": 1}}


def test_it_can_be_read_where_it_is_plain():
    assert block("a: 1\n\n  b: 漢\n", 4) == "|\n    a: 1\n\n      b: 漢"
