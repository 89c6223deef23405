"""Pages and cards whose every field that comes from elsewhere holds the same string."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jinja2 import Environment
from markupsafe import Markup
from tests.report import factory
from tests.report.hostile import hostile

from lightune.artifacts import BaseModel, Manifest
from lightune.artifacts.card import render_card
from lightune.records import Check, Difference, Metric, OtherTruth, SharedPair, SharedScore, SideBySide, StudySide
from lightune.report import render, render_html, render_markdown
from lightune.report.comparison_page import render_comparison


def report(evil: str) -> str:
    """A study's report.html."""
    result = hostile(evil)
    return render_html(result, factory.texts(result, evil))


def report_md(evil: str) -> str:
    """A study's report.md."""
    result = hostile(evil)
    return render_markdown(result, factory.texts(result, evil))


def comparison(evil: str, markdown: bool = False) -> str:
    """The page of `lightune compare`."""
    return render_comparison(side_by_side(evil), markdown)


def side_by_side(evil: str) -> SideBySide:
    """Two studies."""
    half = Metric(0.5, 0.4, 0.6)
    pair = SharedPair(factory.comparison(a=evil, b=evil), "A")
    scores = tuple(SharedScore(study, evil, 10, 0, half, half) for study in ("A", "B"))
    return SideBySide(
        a=StudySide(evil, evil, 100, {evil: evil}),
        b=StudySide(evil, f"{evil}b", 100, {}),
        label_names=(f"{evil}0", f"{evil}1"),
        positive_label=f"{evil}1",
        in_both=90,
        other_truths=1,
        shown=(OtherTruth(evil, evil, evil),),
        rows=89,
        differences=(Difference(evil, evil, evil),),
        scores=scores,
        pairs=(pair,),
        best=pair,
        notes=(evil,),
    )


def cards(evil: str) -> Iterator[str]:
    """What stands below the metadata of an artefact's card, of each kind."""
    for kind in ("adapter", "delta", "base", "probe", "plugin", "majority"):
        base = None if kind == "majority" else BaseModel(evil, evil, None)
        manifest = Manifest(
            1, "0", evil, kind, base, (evil, f"{evil}b"), evil, 512, "head", 0, 10, "0" * 64, temperature=1.0
        )  # fmt: skip
        yield _body(render_card(manifest))


def export_cards(evil: str) -> Iterator[str]:
    """The same of an export's card, of each kind."""
    from types import SimpleNamespace

    from lightune.exports.card import render_card as render_export_card
    from lightune.exports.records import FORMATS, ExportRecord

    result = hostile(evil)
    manifest = Manifest(
        1, "0", evil, "adapter", BaseModel(evil, evil, None), (evil, f"{evil}b"), evil, 512, "head", 0, 10, "0" * 64
    )  # fmt: skip
    arm = next(one for one in result.arms if one.metrics)
    origin = SimpleNamespace(
        manifest=manifest, result=result, arm=arm, test=None, certificate=arm.certificate,
        encoder=SimpleNamespace(prefix=(), suffix=()),
    )  # fmt: skip
    checks = (Check(evil, evil, "pass", 0.5, math.nan, evil),)
    for kind in FORMATS:
        record = ExportRecord(1, "0", kind, evil, checks)
        yield _body(render_export_card(origin, record, with_base=False))  # type: ignore[arg-type]


def _body(card: str) -> str:
    """What the hub shows: all below the second rule. Raises ValueError where the metadata has no end of its own."""
    before, rule, body = card.removeprefix("---\n").partition("\n---\n")
    if not rule or "\n# " not in body:
        raise ValueError(f"a card whose metadata do not end before its title: {before[:200]}")
    return body


def markdown_pages(evil: str) -> str:
    """Everything of Markdown, one below the other."""
    return "\n\n".join([report_md(evil), comparison(evil, markdown=True), *cards(evil), *export_cards(evil)])


@contextmanager
def unescaped() -> Iterator[None]:
    """Have pages and Markdown print strings as they are, as if nobody had thought of it."""
    made: Callable[[], Environment] = lambda: render._environment(Markup)  # noqa: E731
    before = render._html_environment, render._markdown_environment
    render._html_environment = render._markdown_environment = made  # type: ignore[assignment]
    try:
        yield
    finally:
        render._html_environment, render._markdown_environment = before
