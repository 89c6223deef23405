"""A folder's name becomes a part of an address: people's own names are made safe for that."""

from __future__ import annotations

import re

from faults.strings import STRINGS

from lightune.hosting.choosing import _plain


def test_a_study_is_served_under_a_name_that_is_safe_in_an_address():
    for name in (*STRINGS, "..", "", "My Films 2", "é", "a/../../b"):
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", _plain(name)), name
        assert _plain(name) not in (".", "..")
    assert _plain("My Films 2") == "My-Films-2"
