"""A Chromium that tells what a page does beyond showing text: scripts that run, strangers that are asked, elements."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium")
FIRED = "__fired "
# In every frame, before any script of the page: what a script that runs would call tells of it.
HOOK = """
for (const name of ["alert", "confirm", "prompt", "print", "open", "__xss"]) {
  window[name] = () => { console.debug("__fired " + name); };
}
"""
# What a user does by hand: point, focus, click.
NUDGE = """() => {
  for (const one of document.querySelectorAll("*")) {
    for (const name of ["mouseover", "pointerenter", "mouseenter", "click"]) {
      one.dispatchEvent(new MouseEvent(name, {bubbles: true, cancelable: true}));
    }
  }
}"""
# Elements with the names of their attributes; lines of a picture are left out, of which a longer name may need more.
ELEMENTS = """() => [...document.querySelectorAll("*")]
  .filter((one) => !["path", "g"].includes(one.localName))
  .map((one) => [one.localName, ...one.getAttributeNames().sort()].join(" "))"""
# What only a page's author may have made, wherever it stands.
ACTIVE = """() => {
  const made = ["script", "iframe", "object", "embed", "base", "form", "img", "image"];
  const told = ["srcdoc", "action", "formaction"];
  return [...document.querySelectorAll("*")].flatMap((one) => [
    ...made.filter((name) => name === one.localName),
    ...one.getAttributeNames().filter((name) => name.startsWith("on") || told.includes(name)),
    ...["href", "src", "xlink:href"]
      .flatMap((name) => one.getAttribute(name) ?? [])
      .filter((to) => !/^(#|data:,$)/.test(to)),
  ]);
}"""


@dataclass
class Seen:
    """What a page did. fired: names that a script called. asked: addresses but its own. said: in the console. elements:
    see ELEMENTS. active: see ACTIVE. words: its text, white space run together."""

    fired: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    elements: list[str] = field(default_factory=list)
    active: list[str] = field(default_factory=list)
    words: str = ""

    @property
    def obeyed(self) -> bool:
        """Whether anything ran or anybody was asked."""
        return bool(self.fired or self.asked)


class Watched:
    """A tab whose doings are noted in `seen`. Nobody but its own address is let through."""

    def __init__(self, context: Any, own: str) -> None:
        self.own = own
        self.seen = Seen()
        self.page = context.new_page()
        self.page.set_default_timeout(30_000)
        self.page.on("console", lambda message: self._hear(message.text))
        self.page.on("pageerror", lambda error: self.seen.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.seen.fired.append("dialog"), dialog.dismiss()))
        self.page.route("**/*", self._let)

    def _hear(self, text: str) -> None:
        if text.startswith(FIRED):
            self.seen.fired.append(text.removeprefix(FIRED))
        else:
            self.seen.said.append(text)

    def _let(self, route: Any) -> None:
        if route.request.url.startswith(self.own):
            route.continue_()
        else:
            self.seen.asked.append(route.request.url)
            route.abort()

    def look(self, address: str, nudge: bool = True) -> Seen:
        """Open an address of its own, and do to the page what a user may. What it did."""
        from playwright.sync_api import Error

        self.seen = seen = Seen()
        try:
            self.page.goto(address)
            if nudge:
                self.page.evaluate(NUDGE)
            self.page.wait_for_timeout(20)
            self.note()
        except Error as error:  # it went away, or was led away
            seen.said.append(str(error).splitlines()[0])
        return seen

    def note(self) -> None:
        """Take down what stands in the page now."""
        self.seen.elements = self.page.evaluate(ELEMENTS)
        self.seen.active = self.page.evaluate(ACTIVE)
        self.seen.words = " ".join(str(self.page.evaluate("document.documentElement.textContent")).split())


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def tab(browser: Any, own: str, policy: bool) -> Iterator[Watched]:
    """A tab. policy: whether the page's Content-Security-Policy holds; without it escaping must do alone."""
    context = browser.new_context(bypass_csp=not policy)
    context.add_init_script(HOOK)
    try:
        yield Watched(context, own)
    finally:
        context.close()


def written(folder: Path, name: str, page: str) -> str:
    """Put a page into a file; its address. Half a character goes no way into one."""
    path = folder / name
    path.write_text(page, encoding="utf-8", errors="replace")
    return path.as_uri()
