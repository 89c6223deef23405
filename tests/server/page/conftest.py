"""A browser for all tests, and for each test a site and a visit to it that ends well."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    """As long as it is open, an event loop runs in this thread, which other modules' tests could not bear."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def sites() -> Iterator[Callable]:
    """Make a site: of a `Lexicon`, or of the host that is given."""
    from .lexicon import Lexicon
    from .site import Site

    with ExitStack() as made:

        def site(host=None, access=None) -> Site:
            one = Site(host or Lexicon(), access)
            made.callback(one.stop)
            return one

        yield site


class Visit:
    """A page that is open. `told`: what stood in the console; a test that has the server refuse something empties it,
    since Chromium notes each refusal there."""

    def __init__(self, context, address: str) -> None:
        self.page = context.new_page()
        self.told: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.told.append(message.text))
        self.page.on("pageerror", lambda error: self.told.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.set_default_timeout(20_000)
        self.page.goto(address)

    def predict(self, texts: str, rows: int) -> None:
        """Type texts and have them answered."""
        self.page.get_by_role("textbox", name="Texts").fill(texts)
        self.page.get_by_role("button", name="Predict").click()
        self.page.locator("#rows > tr:not(.below)").nth(rows - 1).wait_for()
        self.page.locator("#go:visible").wait_for()

    def wait_for_all(self, texts: str) -> None:
        """Until so many ("3 texts") are answered and no more are to come: "2 of 3 texts answered." is not that."""
        self.page.get_by_text(re.compile(f"^{texts} answered")).wait_for()

    def cell(self, row: int, arm: str) -> str:
        """What an arm's cell shows, white space run together."""
        heads = [" ".join(text.split()).split()[-1] for text in self.page.locator("#heads > th").all_inner_texts()]
        cell = self.page.locator("#rows > tr:not(.below)").nth(row).locator("> *").nth(heads.index(arm))
        return " ".join(cell.inner_text().replace("\u00a0", " ").split())


@pytest.fixture
def visits(chromium) -> Iterator[Callable[..., Visit]]:
    """Visit an address. In the end nothing was in the console, nobody else was asked, and nothing was kept."""
    with ExitStack() as made:

        def visit(address: str, width: int = 1280, scheme: str = "light", **options) -> Visit:
            context = chromium.new_context(
                viewport={"width": width, "height": 800}, color_scheme=scheme, accept_downloads=True, **options
            )
            made.callback(context.close)
            one = Visit(context, address)
            opened.append((one, address))
            return one

        opened: list[tuple[Visit, str]] = []
        yield visit
        for one, address in opened:
            assert one.told == []
            assert {urlsplit(url).netloc for url in one.requests if not url.startswith("blob:")} == {
                urlsplit(address).netloc
            }
            assert one.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]


@pytest.fixture
def films(sites, visits) -> Visit:
    """The page of a `Lexicon`'s study."""
    return visits(sites().address)
