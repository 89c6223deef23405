"""How the page looks and what it is like without a mouse or without eyes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from .lexicon import Lexicon
from .test_files import choose

pytestmark = pytest.mark.full

LONG = "w" * 300
TEXTS = f"A good disaster, not dull\nno words\n{LONG}\n" + "It is good. " * 200
# Of each text that is seen, how much its colour stands out from what is below it (WCAG 2.2, 1.4.3); the least of them.
LEAST_CONTRAST = """() => {
  const parsed = (colour) => {
    const [r, g, b, a = 1] = colour.match(/-?[\\d.]+/g).map(Number);
    const scale = colour.startsWith("color(") ? 1 : 255;
    return [r / scale, g / scale, b / scale, a];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((value, at) => value * a + below[at] * (1 - a));
  const ground = (element) => {
    if (!element) return [1, 1, 1];
    const own = parsed(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own.slice(0, 3) : over(own, ground(element.parentElement));
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let least = [21, ""];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest(":disabled, noscript")) continue;
    const below = ground(element);
    const lights = [light(over(parsed(getComputedStyle(element).color), below)), light(below)].sort((a, b) => a - b);
    const contrast = (lights[1] + 0.05) / (lights[0] + 0.05);
    if (contrast < least[0]) least = [contrast, walker.currentNode.data];
  }
  return least;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_and_can_be_read(sites, visits, width, scheme):
    """Nothing sideways and nothing pale: empty, with answers, with an explanation, with a file, with a fault."""
    arms = ("lora", "pretrained", LONG, "a", "b", "c", "d", "e")
    host = Lexicon(labels=("negative", "positive", LONG, "four"), study=LONG, arms=arms)
    visit = visits(sites(host).address, width, scheme)
    page = visit.page

    def check(state):
        assert page.evaluate("document.documentElement.scrollWidth") <= width, state
        contrast, text = page.evaluate(LEAST_CONTRAST)
        assert contrast >= 4.5, (state, text)

    page.get_by_role("button", name="Predict").wait_for()
    check("empty")
    for box in page.locator("#arms input").all():
        box.check()
    visit.predict(TEXTS, 4)
    page.get_by_role("button", name="Which words? Text 1, lora").click()
    page.get_by_role("button", name="Which words? Text 4, lora").click()
    page.locator(".passage").nth(1).wait_for()
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    check("explained")
    choose(page, f"{LONG}.csv", f"{LONG},b\n{LONG},c\n{LONG},d\n")
    page.locator("#file-shown:visible").wait_for()
    check("file")
    choose(page, f"{LONG}.xlsx", "")
    page.locator("#file-fault", has_text="expected").wait_for()
    page.route("**/v1/predict", lambda route: route.abort())
    page.get_by_label("One text a line").check()
    page.get_by_role("button", name="Predict").click()
    page.locator("#halted:visible").wait_for()
    check("fault")
    visit.told.clear()


def test_light_and_dark_are_what_the_user_wants(sites, visits):
    site = sites()
    grounds = [
        visits(site.address, scheme=scheme).page.evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    assert grounds == ["rgb(255, 255, 255)", "rgb(20, 23, 26)"]


def test_without_a_mouse(films):
    page = films.page
    page.get_by_role("button", name="Predict").wait_for()
    page.evaluate("document.documentElement.style.scrollBehavior = 'auto'")

    def tab(times=1):
        for _ in range(times):
            page.keyboard.press("Tab")
        return page.evaluate(
            """() => { const one = document.activeElement;
                       return [one.id || one.value || one.textContent, getComputedStyle(one).outlineStyle]; }"""
        )

    assert tab() == ["The interface for programs (in a new tab)", "solid"]
    assert tab() == ["lines", "solid"]
    assert tab() == ["texts", "solid"]
    page.keyboard.type("A disaster, a delight")
    page.keyboard.press("Control+Enter")
    page.get_by_text("1 text answered. 1 row changed.").wait_for()
    assert page.evaluate("document.activeElement.id") == "texts"
    assert tab() == ["lora", "solid"]
    tab(3)
    assert page.evaluate("document.activeElement.id") == "go"
    page.keyboard.press("Space")
    page.locator("#go:visible").wait_for()
    assert page.evaluate("document.activeElement.id") == "go"
    assert [tab()[0] for _ in range(3)] == ["before", "changed", "save"]
    assert tab(2)[0].startswith("Which words? Text 1, pretrained")
    page.keyboard.press("Enter")
    page.locator(".passage").wait_for()
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    page.keyboard.press("Shift+Tab")
    page.get_by_label("A CSV file").focus()
    page.keyboard.press("Space")
    assert tab()[0] == "file"
    assert page.locator("label[for=file]").evaluate("label => getComputedStyle(label).outlineStyle") == "solid"


def test_for_a_screen_reader(films):
    """Everything has a role and a name, and what is seen by colour or place is said."""
    films.predict("A disaster, a delight", 1)
    page = films.page
    page.get_by_role("button", name="Which words? Text 1, lora").click()
    page.locator(".passage").wait_for()
    said = page.locator("main").aria_snapshot()
    for line in (
        'radiogroup "What the texts are"',
        'textbox "Texts"',
        'group "Answered by"',
        "status: 1 text answered. 1 row changed.",
        'table "Answers"',
        'columnheader "before pretrained"',
        'rowheader "1 A disaster, a delight"',
        'combobox "Compared with"',
        'region "Which words mattered to lora"',
        'combobox "For the label"',
    ):
        assert line in said, said
    assert "changed from negative" in said
    for role in ("button", "checkbox", "radio", "combobox", "textbox", "link"):
        for one in page.get_by_role(role).all():
            assert one.evaluate("one => one.innerText || one.labels?.length || one.ariaLabel"), role
    levels = [int(tag[1]) for tag in page.eval_on_selector_all("h1, h2, h3", "all => all.map(one => one.tagName)")]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.evaluate("document.documentElement.lang") == "en"
