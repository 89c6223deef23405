"""Strings that want to be obeyed, in every field of every page, in a browser: `python -m faults.inert [--short]`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from soak.table import Line, say
from tests.report.page import markdown_tokens

from faults import hostile_pages, hostile_site, secrets
from faults.browser import Seen, chromium, tab, written
from faults.command import command
from faults.strings import FEW, STRINGS
from lightune.exports.naming import hub_id
from lightune.printable import one_line

CHECK = "inert"
# What a rendered text is made of; how a line is cut into these depends on the text.
WORDS = {"text", "text_special", "softbreak", "hardbreak"}


def run(work: Path, short: bool = False) -> list[Line]:
    """Each page with each string; then the same with the escaping and with the policy taken away."""
    strings = FEW if short else STRINGS
    with chromium() as browser:
        lines = [
            pages(browser, work, strings, "report.html", hostile_pages.report),
            pages(browser, work, strings, "the page of `lightune compare`", hostile_pages.comparison),
            markdown(browser, work, strings),
            served(browser, work, strings),
            *controls(browser, work, strings),
        ]
    return [*lines, tokens(work, short)]


def pages(browser: Any, work: Path, strings: Sequence[str], name: str, make: Callable[[str], str]) -> Line:
    """A page that opens from a file. Its policy is taken away: escaping must do alone."""
    wrong = []
    with tab(browser, work.as_uri(), policy=False) as watched:
        plain = watched.look(written(work, "plain.html", make("x")))
        for text in strings:
            seen = watched.look(written(work, "hostile.html", make(text)))
            if fault := _fault(seen, plain, text):
                wrong.append(f"{text!r}: {fault}")
    return _line(f"{name}: nothing runs, no element is added, the text is shown", strings, wrong)


def _fault(seen: Seen, plain: Seen, text: str) -> str:
    """What a page did with a string; "" where it showed it and nothing else."""
    if seen.obeyed:
        return f"ran {seen.fired}, asked {seen.asked}"
    if seen.active or seen.elements != plain.elements:
        return f"has other elements {seen.active or Counter(seen.elements) - Counter(plain.elements)}"
    return "" if one_line(text) in seen.words else "is not shown"


def markdown(browser: Any, work: Path, strings: Sequence[str]) -> Line:
    """report.md, the comparison's and the cards of models, as a Markdown library renders them."""
    library = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    # What could be an id of the hub stands in the code of a card as one.
    plain = {True: _skeleton(hostile_pages.markdown_pages("x")), False: _skeleton(hostile_pages.markdown_pages("x y"))}
    wrong = []
    with tab(browser, work.as_uri(), policy=False) as watched:
        for text in strings:
            page = hostile_pages.markdown_pages(text)
            more = _skeleton(page) - plain[hub_id(text) is not None]
            fewer = plain[hub_id(text) is not None] - _skeleton(page)
            seen = watched.look(written(work, "markdown.html", f"<meta charset=utf-8>{library.render(page)}"))
            if seen.obeyed or seen.active:
                wrong.append(f"{text!r}: ran {seen.fired}, asked {seen.asked}, made {seen.active}")
            elif more or fewer:
                wrong.append(f"{text!r}: another skeleton, more {more}, fewer {fewer}")
            elif one_line(text) not in seen.words.replace("\N{WORD JOINER}", ""):
                wrong.append(f"{text!r}: is not shown")
    return _line("report.md, cards of models: no HTML, link or picture of theirs", strings, wrong)


def _skeleton(page: str) -> Counter[str]:
    return Counter(token.type for token in markdown_tokens(page) if token.type not in WORDS)


def served(browser: Any, work: Path, strings: Sequence[str]) -> Line:
    """The page of `lightune serve`, eight strings at a time."""
    report = work / "report.html"
    report.write_text("<!DOCTYPE html><title>a report</title>", encoding="utf-8")
    plain = hostile_site.visit(browser, [f"x{at}" for at in range(hostile_site.ARMS)], report)
    known = _shapes(plain)
    wrong = []
    for start in range(0, len(strings), hostile_site.ARMS):
        chunk = strings[start : start + hostile_site.ARMS]
        seen = hostile_site.visit(browser, chunk, report)
        hidden = [text for text in hostile_site.fit(chunk) if " ".join(text.split()) not in seen.words]
        if seen.obeyed or _shapes(seen) - known:
            wrong.append(f"{chunk}: ran {seen.fired}, asked {seen.asked}, made {_shapes(seen) - known}")
        wrong += [f"{text!r}: is not shown" for text in hidden]
    return _line("the page of `lightune serve`: the same", strings, wrong)


def _shapes(seen: Seen) -> set[str]:
    """Kinds of elements and of what they do; the addresses of reports are the server's own and quoted."""
    active = {one for one in seen.active if not one.startswith("/reports/")}
    return active | {one.replace(" hidden", "") for one in seen.elements}


def controls(browser: Any, work: Path, strings: Sequence[str]) -> list[Line]:
    """The guards taken away one by one: without escaping the strings do run, unless the policy is there."""
    ran = {policy: _unescaped(browser, work, strings, policy) for policy in (False, True)}
    fired = sum(bool(seen.fired) for seen in ran[True])
    obeyed = sum(seen.obeyed for seen in ran[False])
    return [
        Line(
            CHECK,
            "without escaping and policy the strings do run, and are seen to",
            f"{obeyed} of {len(strings)} ran or asked a stranger",
            obeyed > len(strings) / 3,
        ),
        Line(CHECK, "without escaping the policy alone stops scripts", f"{fired} of {len(strings)} ran", fired == 0),
    ]


def _unescaped(browser: Any, work: Path, strings: Sequence[str], policy: bool) -> list[Seen]:
    seen = []
    with tab(browser, work.as_uri(), policy) as watched, hostile_pages.unescaped():
        for text in strings:
            seen.append(watched.look(written(work, "unescaped.html", hostile_pages.comparison(text))))
    return seen


def tokens(work: Path, short: bool = False) -> Line:
    """No secret of the environment in anything that was written."""
    files, found = secrets.written(work / "secrets", short)
    seen = f"{len(found)} of {files} files" + (f": {'; '.join(found[:3])}" if found else "")
    return Line(CHECK, "no planted token in any output, terminal or file", seen, not found)


def _line(guarantee: str, strings: Sequence[str], wrong: Sequence[str]) -> Line:
    for one in wrong:
        say(one)
    return Line(CHECK, guarantee, f"{len(strings)} strings, {len(wrong)} not so", not wrong)


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    return command(__doc__, run, "a string of each family", argv)


if __name__ == "__main__":
    sys.exit(main())
