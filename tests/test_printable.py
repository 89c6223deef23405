from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightune.printable import json_line, printable, without_secrets

ANY = st.text(alphabet=st.characters(codec=None, categories=None), max_size=40)


def obeyed(text: str) -> list[str]:
    """The characters that a terminal would obey, but for tab and the line's end."""
    return [one for one in text if unicodedata.category(one) in ("Cc", "Cs") and one not in "\t\n"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\ufffd[31mred\ufffd[0m"),
        ("\x9b2J", "\ufffd2J"),
        ("title\x1b]0;x\x07", "title\ufffd]0;x\ufffd"),
        ("a\r\nb\rc\x85d\te", "a\nb\nc\nd\te"),
        ("a\u202eb\ud800", "ab\ufffd"),
        ("it is ordinary – 文", "it is ordinary – 文"),
    ],
)
def test_what_a_terminal_would_obey_is_replaced(given, shown):
    assert printable(given) == shown


@pytest.mark.full
@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(ANY)
def test_no_text_is_obeyed(text):
    assert obeyed(printable(text)) == []


@pytest.mark.full
@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(st.dictionaries(ANY, ANY, max_size=3))
def test_a_line_of_json_says_the_same_and_holds_nothing_raw(value):
    line = json_line(value)
    assert obeyed(line) == []
    assert "\n" not in line
    # Two halves of a pair that stand side by side are one character to every reader of JSON.
    assert json.loads(line) == json.loads(json.dumps(value))
    line.encode("utf-8")


def test_a_line_of_json_keeps_letters_as_they_are():
    assert json_line({"é": "文"}) == '{"é": "文"}'


def test_a_number_that_is_none_is_refused_where_it_should_be():
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_line([float("nan")], allow_nan=False)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("sftp://me:se@cret@host/there", "sftp://…@host/there"),
        ("simplecache::ftp://me:secret@host/a", "simplecache::ftp://…@host/a"),
        ("https://host/a.parquet?sig=secret&x=\n//me@", "https://host/a.parquet?…"),
        ("a?b//c@d", "a?b//c@d"),
    ],
)
def test_no_secret_of_a_url_is_shown(given, shown):
    assert without_secrets(given) == shown
