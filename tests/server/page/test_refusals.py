"""What the page says and does when the server will not, or cannot."""

from __future__ import annotations

import json

import pytest

from lightune.server.access import Access

from .lexicon import Lexicon
from .test_files import written

pytestmark = pytest.mark.full
KEY = "a-key-of-twenty-signs"


def refuse(visit, times=1, status=429, headers=None, body='{"error": {"code": "x", "message": "Later, please."}}'):
    """Have /v1/predict and /v1/explain refused so many times."""
    left = [times]

    def handle(route):
        if left[0]:
            left[0] -= 1
            route.fulfill(status=status, headers=headers or {}, body=body, content_type="application/json")
        else:
            route.continue_()

    visit.page.route("**/v1/predict", handle)
    visit.page.route("**/v1/explain", handle)


def test_a_busy_server_is_waited_for(films):
    refuse(films, headers={"Retry-After": "2"})
    films.page.get_by_role("textbox", name="Texts").fill("good")
    films.page.get_by_role("button", name="Predict").click()
    films.page.get_by_text("The server is busy. Going on in 2 s.").wait_for()
    films.wait_for_all("1 text")
    refuse(films, headers={"Retry-After": "1"})
    films.page.get_by_role("button", name="Which words? Text 1, lora").click()
    films.page.get_by_text("The server is busy. Asking again in 1 s.").wait_for()
    films.page.locator(".passage").wait_for()
    films.told.clear()


def test_waiting_can_be_stopped_and_gone_on_with(films):
    page = films.page
    refuse(films, headers={"Retry-After": "600"})
    page.get_by_role("textbox", name="Texts").fill("good")
    page.get_by_role("button", name="Predict").click()
    page.get_by_text("Going on in 600 s.").wait_for()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("alert").get_by_text("Stopped.").wait_for()
    page.get_by_role("button", name="Try again").click()
    films.wait_for_all("1 text")
    assert not page.get_by_role("button", name="Try again").is_visible()
    films.told.clear()


def test_what_was_answered_before_a_stop_stays(films):
    page = films.page
    refuse(films, times=0)
    answered = []

    def handle(route):
        if answered:
            route.fulfill(status=429, headers={"Retry-After": "600"})
        else:
            answered.append(route)
            route.continue_()

    page.unroute_all()
    page.route("**/v1/predict", handle)
    page.get_by_role("textbox", name="Texts").fill("\n".join(f"good {number}" for number in range(40)))
    page.get_by_role("button", name="Predict").click()
    page.get_by_text("Going on in").wait_for()
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("32 of 40 texts answered.").wait_for()
    assert page.locator("#rows > tr").count() == len(written(page)) - 1 == 32
    page.unroute_all()
    page.get_by_role("button", name="Go on with the other 8").click()
    films.wait_for_all("40 texts")
    assert [row[0] for row in written(page)[1:]] == [f"good {number}" for number in range(40)]
    films.told.clear()


def test_wrong_fields_are_told_in_the_servers_words(sites, visits):
    """A page that believes another limit sends what the server will not have."""
    visit = visits("about:blank")
    page = visit.page
    page.route("**/v1/models", lambda route: route.fulfill(response=(got := route.fetch()), json=believing(got.json())))
    page.goto(sites().address)
    page.get_by_role("textbox", name="Texts").fill("x" * 50_001)
    page.get_by_role("button", name="Predict").click()
    said = page.get_by_role("alert").get_by_text("The server says: A text of at most 50,000 characters is expected.")
    said.wait_for()
    visit.told.clear()
    visit.requests[:] = ["about://"]


def believing(said):
    said["limits"]["characters"] = 100_000
    return said


def test_a_server_that_is_gone_and_comes_back(sites, visits):
    site = sites()
    visit = visits(site.address)
    page = visit.page
    visit.predict("good", 1)
    site.stop()
    page.get_by_role("button", name="Which words? Text 1, lora").click()
    page.locator(".why").get_by_text("The server cannot be reached.").wait_for()
    page.get_by_role("button", name="Predict").click()
    page.get_by_role("alert").get_by_text("The server cannot be reached. Is “lightune serve” still running?").wait_for()
    site.start()
    page.locator(".actions").get_by_role("button", name="Try again").click()
    visit.wait_for_all("1 text")
    visit.told.clear()


def test_an_explanation_can_be_tried_again(films):
    films.predict("good", 1)
    refuse(films, status=500)
    films.page.get_by_role("button", name="Which words? Text 1, lora").click()
    films.page.locator(".why").get_by_text("The server says: Later, please.").wait_for()
    films.page.locator(".why").get_by_role("button", name="Try again").click()
    films.page.locator(".passage").wait_for()
    films.told.clear()


@pytest.mark.parametrize("body", ["<html>a proxy</html>", '{"answers": []}'])
def test_an_answer_that_is_none_is_said_to_be(films, body):
    refuse(films, status=200, body=body)
    films.page.get_by_role("textbox", name="Texts").fill("good")
    films.page.get_by_role("button", name="Predict").click()
    films.page.get_by_role("alert").get_by_text("The server's answer cannot be read.").wait_for()


def test_models_that_cannot_be_listed_at_first(sites, visits):
    visit = visits("about:blank")
    tries = []

    def handle(route):
        tries.append(route)
        if len(tries) == 1:
            route.fulfill(status=500, body=json.dumps({"error": {"code": "fault", "message": "It failed."}}))
        else:
            route.continue_()

    visit.page.route("**/v1/models", handle)
    visit.page.goto(sites().address)
    visit.page.get_by_role("alert").get_by_text("The server says: It failed.").wait_for()
    visit.page.get_by_role("button", name="Try again").click()
    visit.predict("good", 1)
    visit.told.clear()
    visit.requests[:] = ["about://"]


def test_the_key_is_asked_for_and_kept_in_memory_alone(sites, visits, tmp_path):
    report = tmp_path / "report.html"
    report.write_text("<!DOCTYPE html><title>the report</title>", encoding="utf-8")
    site = sites(Lexicon(report=report))
    # Who knows no key for the browser's own window, and leaves it.
    visit = visits(site.address, http_credentials={"username": "", "password": "no idea"})
    page = visit.page
    page.get_by_role("textbox", name="Texts").fill("good")
    site.stop()
    site.start(Access(key=KEY))
    page.get_by_role("button", name="Predict").click()
    field = page.get_by_label("API key")
    field.wait_for()
    assert field.evaluate("field => document.activeElement === field")
    for wrong, says in (
        ("wrong", "The server did not accept this key."),
        ("ключ", "A key of letters, digits and signs without blanks is expected."),
    ):
        field.fill(wrong)
        page.keyboard.press("Enter")
        page.get_by_role("alert").get_by_text(says).wait_for()
    field.fill(KEY)
    page.get_by_role("button", name="Use this key").click()
    field.wait_for(state="hidden")
    assert page.get_by_role("textbox", name="Texts").input_value() == "good"
    page.get_by_role("button", name="Try again").click()
    visit.wait_for_all("1 text")
    with page.expect_download() as download:
        page.get_by_role("link", name="The study's report").click()
    assert download.value.suggested_filename == "films-report.html"
    assert download.value.path().read_text(encoding="utf-8") == report.read_text(encoding="utf-8")
    assert KEY not in page.content()
    assert not any(KEY in url for url in visit.requests)
    visit.told.clear()


def test_a_browsers_own_window_for_the_key_is_enough(sites, visits):
    """A page that is opened anew cannot ask for the key itself: the browser does, before it has the page."""
    visit = visits(sites(access=Access(key=KEY)).address, http_credentials={"username": "", "password": KEY})
    visit.predict("good", 1)
    assert not visit.page.get_by_label("API key").is_visible()
    visit.told.clear()
