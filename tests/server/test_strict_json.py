import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightune.server.refusals import Refused
from lightune.server.strict_json import parse

CHARACTERS = st.characters(exclude_categories=["Cs"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(CHARACTERS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(CHARACTERS), inner, max_size=4),
)  # fmt: skip


@given(VALUES, st.booleans())
def test_sound_json_is_read_as_it_is(value, escaped):
    assert parse(json.dumps(value, ensure_ascii=escaped).encode()) == value


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"NaN", b"[Infinity]", b"-Infinity", b"1e999", b"-1e999", b'{"a": 1, "a": 1}', b'"\\ud800"',
        b'{"\\udc00": 1}', b'["\\ud83d", "\\ude00"]', b'"\xff"', b'"\xed\xa0\x80"', b"\xef\xbb\xbf1", b"1 2",
        b"9" * 401, b"0." + b"1" * 401, b"[" * 150_000, b'{"a":' * 150_000, b"'a'", b"[1,]", b"01", b'"\n"',
        '"a"'.encode("utf-16"), b"[" + b"1," * 10_000 + b"1]", b"[" + b"{}," * 10_000 + b"{}]",
    ],
    ids=lambda body: repr(body[:20]),
)  # fmt: skip
def test_what_is_no_sound_json_is_refused_and_not_repeated(body):
    with pytest.raises(Refused) as found:
        parse(body)
    assert found.value.refusal.status == 400
    assert found.value.__cause__ is None


def test_a_whole_surrogate_pair_is_a_character():
    assert parse(b'"\\ud83d\\ude00"') == "😀"
