"""The page in a real browser."""

from __future__ import annotations

import shutil

import pytest

from lightune.report import write_report

from . import factory, many_methods, studies
from .hostile import hostile

CHROMIUM = shutil.which("chromium")
STUDIES = {
    "demo": factory.study(),
    "whole": studies.whole("too small"),
    "many": studies.whole("won", 77, 3080, 3, ("ia3",)),
    "methods": many_methods.study(),
    "hostile": hostile("<script>alert(1)</script>" + "w" * 300),
}


@pytest.mark.full
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: apt-get install chromium")
def test_the_page_in_chromium(tmp_path):
    """No console message, no request but the page, no sideways scrolling, the right picture, light and dark."""
    from playwright.sync_api import sync_playwright

    for name, result in STUDIES.items():
        write_report(result, factory.texts(result), tmp_path / name)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        grounds = {}
        for name in STUDIES:
            for width in (1280, 390):
                for scheme in ("light", "dark"):
                    where = f"{name} {width} {scheme}"
                    messages, requests = [], []
                    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
                    page.on("console", lambda message, told=messages: told.append(message.text))
                    page.on("pageerror", lambda error, told=messages: told.append(str(error)))
                    page.on("request", lambda request, told=requests: told.append(request.url))
                    address = (tmp_path / name / "report.html").as_uri()
                    page.goto(address)
                    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
                    assert messages == [], where
                    assert requests == [address], where
                    assert page.evaluate("document.documentElement.scrollWidth") <= width, where
                    shown, other = ("wide", "narrow") if width > 640 else ("narrow", "wide")
                    assert page.locator(f".{shown} svg:visible").count() == page.locator(f".{shown} svg").count() > 0
                    assert page.locator(f".{other} svg:visible").count() == 0, where
                    assert page.locator(".scroll svg:visible").count() == page.locator(".scroll svg").count(), where
                    assert page.locator(".lead").bounding_box()["y"] < 200, where
                    grounds[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
                    page.close()
        browser.close()
    assert grounds["light"] != grounds["dark"]
