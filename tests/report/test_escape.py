from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightune.markdown import WORD_JOINER, fence, markdown
from lightune.printable import one_line, printable
from lightune.report.escape import excerpt, sentence, short

from .page import markdown_tokens, table_shapes

NASTY = [
    "a | b",
    "ends with a backslash \\",
    "\\| both",
    "two\nlines\r\nand\rthree",
    "# heading",
    "- item",
    "1. item",
    "12) item",
    "---",
    "===",
    "> quote",
    "<script>alert(1)</script>",
    "<!-- hidden",
    "&lt;b&gt; &amp; &#124;",
    "`code` ``more`` ```",
    "[link](http://example.org) ![picture](x.png) <http://example.org>",
    "https://example.org and www.example.org",
    "**bold** _it_ ~~gone~~ $x^2$",
    "| --- | --- |",
    "@someone and #12",
    "   spaces   ",
    "a\u2028b\x85c\x0bd",
    "nothing special, at all.",
]


def cell_text(source: str) -> list[str]:
    """The text of the first body row's cells."""
    found, inside = [], False
    for token in markdown_tokens(f"| a | b |\n| :-- | :-- |\n| {source} | end |\n"):
        inside = inside or token.type == "td_open"
        if inside and token.type == "inline":
            found.append("".join(child.content for child in token.children or []))
    return found


@pytest.mark.parametrize("text", NASTY)
def test_markdown_shows_the_text_and_nothing_else_in_a_cell(text):
    assert [cell.replace(WORD_JOINER, "") for cell in cell_text(markdown(text))] == [one_line(text), "end"]


@pytest.mark.full
@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab1 \n|\\`*_[]()<>!&;#@~$^:/.-+=w\u200b\u202e\x00é"), max_size=30))
def test_no_text_gets_out_of_its_cell(text):
    shown = [cell.replace(WORD_JOINER, "") for cell in cell_text(markdown(text))]
    assert shown == [one_line(text), "end"] or (not one_line(text) and shown == ["", "end"])


@pytest.mark.parametrize("text", NASTY)
def test_markdown_is_one_paragraph_on_a_line_of_its_own(text):
    kinds = {token.type for token in markdown_tokens(f"before\n\n{markdown(text)}\n\nafter\n")}
    assert kinds <= {"paragraph_open", "inline", "text", "text_special", "paragraph_close"}


@pytest.mark.parametrize("text", ["see http://example.org", "www.example.org"])
def test_an_address_does_not_become_a_link(text):
    assert "http://" not in markdown(text)
    assert "www." not in markdown(text)


@pytest.mark.parametrize("text", ["@someone", "mail@host", "#12"])
def test_nobody_is_mentioned(text):
    assert WORD_JOINER in markdown(text)


def test_a_smaller_sign_in_prose_stays_readable():
    assert markdown("p < 0.001") == "p < 0.001"


@pytest.mark.parametrize("text", ["plain", "```", "a\n````\nb", "<b>\n\n# no heading"])
def test_a_fence_holds_its_text(text):
    tokens = markdown_tokens(fence(text, "yaml"))
    assert [token.type for token in tokens] == ["fence"]
    assert tokens[0].content == text + "\n"


def test_clean_replaces_what_cannot_be_shown_and_keeps_lines():
    assert printable("a\x00b\r\nc\ud800\u202ed\te") == "a\ufffdb\nc\ufffdd\te"


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("a  b\n c", 9, "a b c"), ("ab cd", 4, "ab…"), ("", 4, "")],
)
def test_short(text, limit, expected):
    assert short(text, limit) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("no reason", "No reason."), ("Done.", "Done."), ("a\nb", "A b."), ("x" * 600, "X" + "x" * 498 + "…"), ("", ".")],
)
def test_sentence(text, expected):
    assert sentence(text) == expected


def test_an_excerpt_keeps_both_ends_and_says_what_is_gone():
    text = "begin " + "word " * 300 + "end"
    shown, cut = excerpt(text)
    assert shown.startswith("begin word")
    assert shown.endswith("word end")
    assert " … " in shown
    assert len(shown) <= 403
    left_out = int(cut.split(" of ")[0].replace(",", ""))
    assert left_out + len(shown) - len(" … ") == len(text)
    assert f"of {len(text):,} characters" in cut


def test_an_excerpt_without_spaces_is_cut_all_the_same():
    shown, cut = excerpt("x" * 1000)
    assert len(shown) == 403
    assert cut.startswith("600 of 1,000")


def test_a_short_text_is_not_cut():
    assert excerpt("as it  is") == ("as it is", "")


def test_table_shapes_sees_a_broken_row():
    assert table_shapes("| a | b |\n| - | - |\n| 1 | 2 |\n\n| c |\n| - |\n") == [[2, 2], [1]]
