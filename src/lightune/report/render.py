"""A study's records as one HTML page and as one Markdown page: the same blocks through two templates."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lightune.markdown import fence, markdown
from lightune.printable import printable
from lightune.records import StudyResult
from lightune.report.document import Document
from lightune.report.first_screen import first_figures
from lightune.report.headline import headline
from lightune.report.sections import sections
from lightune.report.title import title

# Of all style sheets the page's own alone, and attributes for pictures. Browsers that know no -elem and no -attr go by
# style-src. The picture is the empty icon, which keeps a browser from asking a server for one.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; style-src-elem 'sha256-{}'; style-src-attr 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'"
)


def render_html(result: StudyResult, texts: Mapping[str, str]) -> str:
    """One page that opens offline: no script, nothing from elsewhere, every text escaped.

    texts: row_id -> text of the test rows, or empty. The same input gives the same bytes.
    """
    return document_html(_document(result, texts))


def render_markdown(result: StudyResult, texts: Mapping[str, str]) -> str:
    """The same facts without pictures, as GitHub-flavoured Markdown for a pull request."""
    return document_markdown(_document(result, texts))


def document_html(document: Document) -> str:
    """Any document as such a page."""
    environment = _html_environment()
    style = _style(environment)
    return environment.get_template("report.html.j2").render(
        document=document, style=Markup(style), policy=Markup(POLICY.format(_digest(style)))
    )


def document_markdown(document: Document) -> str:
    """Any document as such Markdown."""
    page = _markdown_environment().get_template("report.md.j2")
    lines = page.render(document=document).split("\n")
    return "\n".join(line.rstrip() for line in lines).strip() + "\n"


def _document(result: StudyResult, texts: Mapping[str, str]) -> Document:
    return Document(title(result), headline(result), first_figures(result), sections(result, texts))


def _style(environment: Environment) -> str:
    """The page's own style sheet, between the tags."""
    source, _, _ = environment.loader.get_source(environment, "report.css")  # type: ignore[union-attr]
    return f"\n{source.rstrip()}\n"


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _html_environment() -> Environment:
    return _environment(printable)


@cache
def _markdown_environment() -> Environment:
    return _environment(lambda text: Markup(markdown(text)))  # nosec B704  # escaped


def _environment(write: Callable[[str], str]) -> Environment:
    """A template environment in which every string that a template prints goes through `write` and is then escaped,
    unless it is markup already."""

    def finalize(value: Any) -> Any:
        return value if isinstance(value, Markup) else write(str(value))

    environment = Environment(
        loader=PackageLoader("lightune.report"),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["fence"] = lambda text, language: Markup(fence(text, language))  # nosec B704  # escaped
    return environment
