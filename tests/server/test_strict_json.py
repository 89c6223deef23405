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


@pytest.mark.full
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
        b"[" + b"[]," * 10_000 + b"[]]", b"[" + b'"",' * 10_000 + b'""]', b"[" + b"[" * 5_000 + b"]," * 5_000 + b"1]",
        b"[" + b"null," * 10_000 + b"null]",
    ],
    ids=lambda body: repr(body[:20]),
)  # fmt: skip
def test_what_is_no_sound_json_is_refused_and_not_repeated(body):
    with pytest.raises(Refused) as found:
        parse(body)
    assert found.value.refusal.status == 400
    assert found.value.__cause__ is None


@pytest.mark.parametrize(
    "text", [",[{:" * 50_000, '\\",[' * 50_000, "\\" * 50_000 + '"' + "[" * 50_000, '"[\\' * 50_000]
)
def test_what_stands_in_texts_is_not_counted(text):
    value = {"texts": [text] * 3}
    assert parse(json.dumps(value).encode()) == value


@pytest.mark.parametrize("body", [b"[" + b"[]," * 700_000 + b"1]", b"[" + b'"",' * 600_000 + b"1]"])
def test_nothing_is_built_of_a_body_with_too_many_values(body, monkeypatch):
    def loads(*_: object, **__: object) -> None:
        pytest.fail("it was read")

    monkeypatch.setattr("lightune.server.strict_json.json.loads", loads)
    with pytest.raises(Refused):
        parse(body)


@pytest.mark.parametrize("end", [b"", b"\\"])
def test_strings_that_do_not_end_are_gone_through_once(end):
    body = b'"' + b'\\"' * 400_000 + b"," * 20_000 + end  # gone through for each quote it would take many minutes
    with pytest.raises(Refused):
        parse(body)


def test_a_whole_surrogate_pair_is_a_character():
    assert parse(b'"\\ud83d\\ude00"') == "😀"
