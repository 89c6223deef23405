"""The faults of output in short, and each check seen to fail where what it checks is taken away."""

from __future__ import annotations

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from faults.browser import CHROMIUM, chromium, tab, written
from faults.strings import FAMILIES, FEW, STRINGS

from faults import hostile_pages, hostile_site, inert, secrets

pytestmark = pytest.mark.full
browsing = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: apt-get install chromium")


@pytest.fixture(scope="module")
def browser():
    with chromium() as one:
        yield one


def test_there_are_as_many_strings_as_is_said():
    assert len(set(STRINGS)) == len(STRINGS) >= 200
    assert len(FEW) == len(FAMILIES)


@browsing
@pytest.mark.parametrize("make", [hostile_pages.report, hostile_pages.comparison])
def test_pages_show_strings_and_obey_none(browser, tmp_path, make):
    line = inert.pages(browser, tmp_path, FEW[1:4], "a page", make)
    assert line.holds, line


@browsing
def test_without_escaping_the_check_of_pages_fails(browser, tmp_path, capsys):
    with hostile_pages.unescaped():
        line = inert.pages(browser, tmp_path, FEW[:2], "a page", hostile_pages.comparison)
    assert not line.holds
    assert capsys.readouterr().err.count("ran [") == 2


@browsing
def test_markdown_shows_strings_and_obeys_none(browser, tmp_path):
    line = inert.markdown(browser, tmp_path, (FEW[1], FAMILIES["Markdown"][4]))
    assert line.holds, line


@browsing
def test_without_escaping_the_check_of_markdown_fails(browser, tmp_path):
    with hostile_pages.unescaped():
        assert not inert.markdown(browser, tmp_path, (FEW[1],)).holds


@browsing
def test_the_served_page_shows_strings_and_obeys_none(browser, tmp_path):
    line = inert.served(browser, tmp_path, FEW[1:9])
    assert line.holds, line


@browsing
def test_on_a_page_that_takes_strings_for_markup_they_run_unless_the_policy_stops_them(browser, tmp_path):
    report = tmp_path / "report.html"
    report.write_text("<!DOCTYPE html>", encoding="utf-8")
    strings = FAMILIES["handlers"][:8]
    assert hostile_site.visit(browser, strings, report, raw=True).fired
    assert hostile_site.visit(browser, strings, report, raw=True, policy=True).fired == []


@browsing
def test_the_policy_alone_stops_scripts_that_nothing_escapes(browser, tmp_path):
    lines = inert.controls(browser, tmp_path, FEW[:4])
    assert all(line.holds for line in lines), lines


@browsing
def test_the_policy_takes_the_pages_own_style_sheet_and_no_other(browser, tmp_path):
    page = hostile_pages.comparison("x")
    other = page.replace("<body>", "<body><style>body { font-family: fantasy }</style>")
    with tab(browser, tmp_path.as_uri(), policy=True) as watched:
        for source, blocked in ((page, 0), (other, 1)):
            assert len(watched.look(written(tmp_path, "page.html", source)).said) == blocked
            assert "system-ui" in watched.page.evaluate("getComputedStyle(document.body).fontFamily")


def test_no_planted_token_is_in_any_output(tmp_path):
    line = inert.tokens(tmp_path, short=True)
    assert line.holds, line


def test_a_token_is_found_wherever_it_lies(tmp_path):
    token = secrets.TOKENS[0]
    (tmp_path / "a.json").write_text(f'{{"env": "{token}"}}', encoding="utf-8")
    (tmp_path / "b.gz").write_bytes(gzip.compress(token.encode()))
    pq.write_table(pa.table({"a": [token] * 9}), tmp_path / "c.parquet", compression="zstd")
    (tmp_path / f"{token}.txt").touch()
    (tmp_path / "clean.txt").write_text("hf_", encoding="utf-8")
    files = sorted(tmp_path.iterdir())
    assert secrets.holding(files, (token,)) == [str(path) for path in files if path.name != "clean.txt"]
