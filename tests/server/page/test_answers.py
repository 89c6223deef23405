"""Typing texts, and what the page makes of the answers."""

from __future__ import annotations

import pytest

from .lexicon import Lexicon

pytestmark = pytest.mark.full


def test_before_and_after_side_by_side_with_what_changed(films):
    films.predict("Expected a disaster, got a delight\n\n  \nNot good\nA film", 3)
    page = films.page
    heads = [text.split() for text in page.locator("#heads > th").all_inner_texts()]
    assert heads == [["Text"], ["before", "pretrained"], ["after", "lora"]]
    assert films.cell(0, "pretrained").startswith("negative 62.2 % positive 37.8 %")
    assert films.cell(0, "lora").startswith("positive 88.1 % negative 11.9 % changed from negative")
    assert films.cell(1, "lora").startswith("negative 73.1 % positive 26.9 % changed from positive")
    assert films.cell(2, "lora").startswith("negative 50.0 % positive 50.0 % as before")
    assert "2 texts of 3 get another label from lora than from pretrained." in page.locator("#summary").inner_text()
    assert page.get_by_role("status").inner_text() == "3 texts answered. 2 rows changed."
    assert page.locator("tr.changed").count() == 2


def test_a_label_that_stays_says_how_much_surer(films):
    films.predict("good", 1)
    assert "20.6 points surer" in films.cell(0, "lora")


def test_only_the_changed_rows(films):
    films.predict("Not good\nA film\nA disaster and a delight", 3)
    films.page.get_by_label("Only rows whose label changed (2)").check()
    texts = films.page.locator("#rows .text").all_inner_texts()
    assert texts == ["Not good", "A disaster and a delight"]
    films.page.get_by_label("Only rows whose label changed").uncheck()
    assert films.page.locator("#rows .text").all_inner_texts() == ["Not good", "A film", "A disaster and a delight"]


def test_any_arm_can_be_asked_and_compared_with(films):
    page = films.page
    page.get_by_label("tfidf").check()
    films.predict("A good disaster\nNot good", 2)
    assert page.locator("#summary p").all_inner_texts() == [
        "2 texts of 2 get another label from lora than from pretrained.",
        "No text of 2 gets another label from tfidf than from pretrained.",
    ]
    page.get_by_label("Compared with").select_option("tfidf")
    assert [text.split()[-1] for text in page.locator("#heads > th").all_inner_texts()] == [
        "Text",
        "tfidf",
        "lora",
        "pretrained",
    ]
    assert "changed from positive" in films.cell(1, "lora")


def test_one_arm_alone_has_nothing_to_compare_with(films):
    films.page.get_by_label("pretrained").uncheck()
    films.predict("good", 1)
    assert films.cell(0, "lora") == "positive 73.1 % negative 26.9 % Which words? Text 1, lora"
    assert not films.page.get_by_label("Compared with").is_visible()
    assert films.page.locator("tr.changed").count() == 0


def test_lines_or_one_text_is_the_users_choice(sites, visits):
    host = Lexicon()
    visit = visits(sites(host).address)
    button = visit.page.get_by_role("button", name="Predict")
    visit.page.get_by_role("textbox", name="Texts").fill("  one\n\ntwo ")
    assert button.inner_text() == "Predict 2 texts"
    visit.page.get_by_label("All of it is one text").check()
    assert button.inner_text() == "Predict 1 text"
    host.texts.clear()
    visit.predict("  one\n\ntwo ", 1)
    assert set(host.texts) == {"  one\n\ntwo "}


def test_what_is_missing_is_said_beside_the_button(films):
    page = films.page
    page.get_by_role("button", name="Predict").click()
    assert page.get_by_role("status").inner_text() == "Type or paste a text first."
    page.get_by_role("textbox", name="Texts").fill("good")
    for arm in ("lora", "pretrained"):
        page.get_by_label(arm).uncheck()
    page.get_by_role("button", name="Predict").click()
    assert page.get_by_role("status").inner_text() == "Choose at least one arm."
    assert page.locator("#results:visible").count() == 0


def test_labels_that_look_like_numbers_keep_their_order(sites, visits):
    visit = visits(sites(Lexicon(labels=("2", "10", "1", "3", "4"))).address)
    visit.predict("good", 1)
    assert visit.cell(0, "lora").startswith("10 70.8 % 2 26.0 % 1 2.1 % 2 more")
    page = visit.page
    page.get_by_text("2 more").last.click()
    page.locator("#rows td").last.locator(".shares bdi").nth(4).wait_for()
    shares = page.locator("#rows td").last.locator(".shares bdi").all_inner_texts()
    assert shares == ["10", "2", "1", "3", "4"]


def test_which_words_mattered_by_occlusion(films):
    films.predict("A good film, not dull", 1)
    page = films.page
    page.get_by_role("button", name="Which words? Text 1, lora").click()
    why = page.get_by_role("region", name="Which words mattered to lora")
    why.locator(".passage").wait_for()
    assert "by occlusion" in why.get_by_role("heading").inner_text()
    marked = [text.split() for text in why.locator(".passage .piece").all_inner_texts()]
    assert [words[0].rstrip("+−.0123456789") for words in marked] == ["good", "not", "dull"]
    # Negative is at e²/(e² + 1) = 88.1 %; without "not" at 50 %, without "good" at 95.3 %, without "dull" at 73.1 %.
    assert "negative is at 88.1" in why.inner_text().replace("\u00a0", " ")
    assert "Most for negative: not (+38.1), dull (+15.0). Most against negative: good (−7.2)" in why.inner_text()
    assert why.locator(".passage .for").count() == 2
    styles = [
        piece.evaluate("piece => getComputedStyle(piece).borderBottomStyle")
        for piece in why.locator(".passage .piece").all()
    ]
    assert styles == ["dashed", "solid", "solid"]
    why.get_by_text("All of them in a table").click()
    assert [" ".join(row.split()) for row in why.get_by_role("row").all_inner_texts()] == [
        "Words Points",
        "A 0.0",
        "good −7.2",
        "film, 0.0",
        "not +38.1",
        "dull +15.0",
    ]
    why.get_by_label("For the label").select_option("positive")
    why.get_by_text("Most for positive: good (+7.2)").wait_for()
    page.get_by_role("button", name="Which words? Text 1, lora").click()
    assert why.count() == 0


def test_a_text_without_a_word_that_matters_says_so(films):
    films.predict("A film", 1)
    films.page.get_by_role("button", name="Which words? Text 1, lora").click()
    films.page.get_by_text("No word moves that by half a point when it alone is left out.").wait_for()
    assert films.page.locator(".passage .piece").count() == 0


def test_the_studys_report_is_one_click_away(sites, visits, tmp_path):
    report = tmp_path / "report.html"
    report.write_text("<!DOCTYPE html><title>the report</title>", encoding="utf-8")
    visit = visits(sites(Lexicon(report=report)).address)
    visit.page.get_by_role("link", name="The study's report").wait_for()
    assert visit.page.title() == "films – lightune"
    with visit.page.expect_popup() as opened:
        visit.page.get_by_role("link", name="The study's report").click()
    opened.value.wait_for_load_state()
    assert opened.value.title() == "the report"


HOSTILE = [
    "<script>window.fired = 1</script>",
    "<img src=x onerror='window.fired = 1'>",
    "\"'><svg onload=window.fired=1>",
    "javascript:window.fired=1",
    "</textarea></option></td><iframe srcdoc='<script>parent.fired=1</script>'>",
    "{{constructor.constructor('window.fired=1')()}}",
    "__proto__",
]


def test_nothing_that_somebody_wrote_is_run(sites, visits):
    """In texts, labels, the study's name and an arm's."""
    host = Lexicon(labels=tuple(HOSTILE), study=HOSTILE[1], arms=("lora", "pretrained", HOSTILE[0], HOSTILE[2]))
    visit = visits(sites(host).address)
    page = visit.page
    for box in page.locator("#arms input").all():
        box.check()
    visit.predict("\n".join(HOSTILE), len(HOSTILE))
    assert page.locator("#rows .text").all_inner_texts() == HOSTILE
    for button in page.locator("#rows button[aria-expanded=false]").all()[:4]:
        button.click()
    page.locator(".passage").nth(3).wait_for()
    assert page.evaluate("window.fired") is None
    assert page.locator("script, iframe, #rows img, #rows svg").count() == 1
    assert HOSTILE[1] in page.get_by_role("heading", level=1).inner_text()
