from __future__ import annotations

import pytest

from lightune.markdown import WORD_JOINER
from lightune.printable import one_line
from lightune.report import render_markdown

from . import factory, studies
from .hostile import hostile
from .page import markdown_tokens, table_shapes

EVIL = [
    "a | b\n| c | d |",
    "line\n\n# heading\n\n- item",
    "<script>alert(1)</script> <details> <!--",
    "``` `code` ~~~",
    "[l](http://example.org) ![p](x) **b** _i_ &lt;",
    "\\| \\",
]


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.full
def test_a_text_changes_nothing_but_itself(evil):
    """The page has the same skeleton as one with harmless words, and shows what was written."""
    result, harmless = hostile(evil), hostile("x")
    page = render_markdown(result, factory.texts(result, evil))
    expected = render_markdown(harmless, factory.texts(harmless, "x"))

    def skeleton(source: str) -> list[str]:
        return [t.type for t in markdown_tokens(source) if t.type not in {"text", "text_special"}]

    assert skeleton(page) == skeleton(expected)
    assert table_shapes(page) == table_shapes(expected)
    assert not [token for token in markdown_tokens(page) if token.type in {"html_inline", "html_block", "link_open"}]
    shown = ["".join(c.content for c in t.children or []) for t in markdown_tokens(page) if t.type == "inline"]
    assert one_line(evil) in [text.replace(WORD_JOINER, "") for text in shown]


@pytest.mark.parametrize("make", [factory.study, factory.with_splits, factory.many_labels, studies.whole])
def test_tables_are_rectangles(make):
    result = make()
    page = render_markdown(result, factory.texts(result))
    shapes = table_shapes(page)
    assert len(shapes) >= 10
    assert all(len(set(rows)) == 1 for rows in shapes)
    # And in the source, where a parser would pad or cut a row that is too short or too long.
    for block in page.split("\n\n"):
        if block.startswith("| "):
            bars = {line.replace("\\|", "").count("|") for line in block.splitlines()}
            assert len(bars) == 1


def test_no_line_of_the_page_was_left_unparsed():
    """A table that did not parse would show its bars as text."""
    page = render_markdown(factory.study(), factory.texts(factory.study()))
    assert not [t for t in markdown_tokens(page) if t.type == "text" and "| --" in t.content]


def test_it_has_the_same_facts_as_the_page():
    page = render_markdown(factory.study(), factory.texts(factory.study()))
    for fact in (
        "# gpt2 on embedded reviews\n",
        "**Fine-tuning wins.** Fine-tuning with LoRA is better here: it labels 81.3 % of 1,000 test rows right, 31.0 "
        "points more than the pre-trained model as it is (95 % interval +28.1 to +33.9; McNemar p < 0.001 after",
        "| 81.3 % (78.9 to 83.7) |",
        "| lora against pretrained | +31.0 (+28.1 to +33.9) |",
        "– (not defined: the rows or the answers hold one label only)",
        "| 3 min 20 s |",
        "| 180 (kept) |",
        "```yaml\nmodel:\n  source: gpt2\n",
    ):
        assert fact in page, fact
    assert "<svg" not in page
    assert "\n\n\n" not in page
    assert page.endswith("\n")
    assert not page.endswith("\n\n")


def test_a_whole_study_has_the_facts_of_every_section():
    page = render_markdown(studies.whole("won"), {})
    for fact in (
        "| tfidf (TF-IDF with logistic regression) | C chosen on it, then a refit on train and validation. |",
        "| full against tfidf | +4.1 (+2.1 to +6.1) |",
        "| full against lora | +0.6 (−1.4 to +2.6) | +1.2 (−0.8 to +3.2) | cannot be told apart | 0.040 | 0.0030 |",
        "## Is more data worth it?",
        "* Twice the labels, 7,200 for 3,600, would change what LoRA labels right by about +1.4 points",
        "| lora (low-rank adapters) | 6.2 % (4.7 to 7.7) | 0.310 (0.290 to 0.330) |",
        "| 1 to 41 words | 250 |",
        "17 labels look wrong to full fine-tuning",
        "23 test rows are like one of train or validation",
        "| Negation (negated praise is negative) | 0.0 % (0.0 to 1.6) |",
        "* api was not asked. A file of predictions answers no new texts.",
    ):
        assert fact in page, fact


def test_it_leaves_folded_quotes_to_the_page_and_says_so():
    page = render_markdown(studies.whole("won"), {})
    assert "* Telling rows of the other 20 pairs: in report.html." in page
    assert "* Cases that failed, by test: in report.html." in page
    assert "### Telling rows: full against tfidf" in page
    assert len(page) < 65_536


def test_texts_that_were_left_out_are_named_as_such():
    page = render_markdown(factory.study(), {})
    assert "(--no-texts)" in page
    assert "text not kept, row w0-0" in page


def test_a_failed_arm_has_its_reason():
    page = render_markdown(factory.study((factory.pretrained(), factory.failed()), ()), {})
    assert "The arm lora failed: the loss became NaN at step 41" in page
    assert "| lora (low-rank adapters) | failed |" in page


def test_the_same_records_make_the_same_text():
    result = factory.many_labels()
    assert render_markdown(result, {}) == render_markdown(result, {})
