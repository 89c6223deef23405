"""The page of `lightune serve` with hostile names, labels, texts, files and refusals, in a browser."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.server.page.site import Site

from faults.browser import Seen, Watched, tab
from lightune.hosting import Ask, Hosted

# Arms that the page asks at once.
ARMS = 8
# Where strings become markup instead of text.
SAFE, UNSAFE = (
    "made.append(...children.filter((child) => child !== null));",
    'for (const child of children) typeof child === "string" ? made.insertAdjacentHTML("beforeend", child) '
    ": child && made.append(child);",
)


class HostileHost:
    """Arms, studies and labels by these names; any text gets the same answer."""

    def __init__(self, names: Sequence[str], report: Path) -> None:
        self.labels = (*names, "none of these")
        self.models = {
            name: Hosted(name, name, name, name, name, self.labels, True, None, 512, report) for name in names
        }
        self.defaults = tuple(names)

    def answer(self, asked: Sequence[Ask]) -> list[NDArray[np.float64]]:
        """Logits that differ by arm, so that labels change."""
        names = list(self.models)
        return [np.array([self._logits(names.index(ask.model), text) for text in ask.texts]) for ask in asked]

    def _logits(self, at: int, text: str) -> list[float]:
        return [float((at + label) % len(self.labels)) + 0.01 * len(text) for label in range(len(self.labels))]


def fit(strings: Sequence[str]) -> list[str]:
    """The strings without what no UTF-8 can hold: the server would not take it."""
    return [text.encode("utf-8", "ignore").decode() for text in strings]


def visit(browser: Any, strings: Sequence[str], report: Path, policy: bool = False, raw: bool = False) -> Seen:
    """Open the page of a host whose every word is one of at most eight strings, and use all of it. raw: with a page
    that takes strings for markup."""
    names = fit(strings)
    site = Site(HostileHost(names, report))
    try:
        with tab(browser, site.address, policy) as watched:
            if raw:
                watched.page.route("**/static/dom.js", lambda route: _unsafe(route))
            watched.seen = Seen()
            watched.page.goto(site.address)
            _ask(watched, names)
            watched.note()
            _refuse(watched, names)
            return watched.seen
    finally:
        site.stop()


def _unsafe(route: Any) -> None:
    answer = route.fetch()
    body = answer.text()
    assert SAFE in body
    route.fulfill(response=answer, body=body.replace(SAFE, UNSAFE))


def _ask(watched: Watched, names: Sequence[str]) -> None:
    """A file whose name, columns and cells are hostile, answered, and each answer explained."""
    page = watched.page
    page.locator("#ask:visible").wait_for()
    file = io.StringIO()
    csv.writer(file).writerows([names, names, names[::-1]])
    name = names[0].replace("/", "").replace("\x00", "") + ".csv"
    page.set_input_files("#file", {"name": name, "mimeType": "text/csv", "buffer": file.getvalue().encode()})
    page.locator("#file-shown:visible, #file-fault:not(:empty)").first.wait_for()
    if page.locator("#file-shown:visible").count():
        page.locator("#column").select_option(index=page.locator("#column option").count() - 1)
        _predict(page)
    page.get_by_label("All of it is one text").check()
    page.get_by_role("textbox", name="Texts").evaluate("(area, text) => { area.value = text; }", "\n".join(names))
    _predict(page)
    for details in page.locator("#results details").all():
        details.evaluate("one => { one.open = true; }")
    for button in page.locator("#rows > tr").first.locator("button[aria-expanded]").all():
        button.click()
    page.wait_for_function("n => document.querySelectorAll('.why .passage').length >= n", arg=len(names))


def _predict(page: Any) -> None:
    page.locator("#go").click()
    page.wait_for_function("() => document.querySelector('#status').textContent.includes('answered')")
    page.locator("#rows > tr").first.wait_for()
    page.locator("#go:visible").wait_for()


def _refuse(watched: Watched, names: Sequence[str]) -> None:
    """The server's own words for a refusal."""
    said = []
    for name in names:
        body = json.dumps({"error": {"code": "x", "message": name}})
        watched.page.route("**/v1/predict", _refusing(body))
        watched.page.locator("#go").click()
        watched.page.locator("#halted:visible").wait_for()
        watched.page.locator("#go:visible").wait_for()
        said.append(watched.page.locator("#halted-why").text_content())
    watched.seen.words += " " + " ".join(" ".join(said).split())


def _refusing(body: str) -> Callable[[Any], None]:
    return lambda route: route.fulfill(status=400, body=body, content_type="application/json")
