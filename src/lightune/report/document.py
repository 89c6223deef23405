"""What a report is made of. Sections build these blocks from records; two templates turn them into HTML and Markdown.

All strings are plain text: the templates escape them. Only `Figure` holds markup, made by `svg.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from markupsafe import Markup

# CSS pixels that a picture is wide: alone on a computer's screen, beside another one, on a phone.
WIDE, HALF, NARROW = 720, 536, 350


@dataclass(frozen=True)
class Cell:
    """A table's cell. aside: said smaller, after it (an interval). why: what a dash means. heat: 0 to 1, its shade."""

    text: str
    aside: str = ""
    why: str = ""
    tone: str = ""
    heat: float | None = None


@dataclass(frozen=True)
class Column:
    """A table's column. why: what it holds, when its title is not enough."""

    title: str
    why: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """Rows of cells under columns; the first cell of a row names the row."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Paragraph:
    """Plain words. tone: "" or "bad", for what went wrong."""

    kind: ClassVar[str] = "paragraph"
    text: str
    tone: str = ""


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    kind: ClassVar[str] = "bullets"
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Code:
    """Text that keeps its lines."""

    kind: ClassVar[str] = "code"
    text: str
    language: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture, drawn once for wide and once for narrow screens, and only when a page asks for it.

    draw: (a name that no other picture of the page has, the width in CSS pixels) -> inline SVG. Markdown leaves it
    out: a table beside it has the numbers. width: on a wide screen. scrolls: it is drawn once and keeps its size, a
    phone shows a part of it and scrolls.
    """

    kind: ClassVar[str] = "figure"
    name: str
    caption: str
    draw: Callable[[str, int], Markup]
    width: int = WIDE
    scrolls: bool = False

    @property
    def wide(self) -> Markup:
        """The picture for a computer's screen and for paper."""
        return self.draw(self.name, self.width)

    @property
    def narrow(self) -> Markup:
        """The picture for a phone."""
        return self.draw(f"{self.name}-s", NARROW)


@dataclass(frozen=True)
class Answer:
    """What one arm said of a text. note: said beside it ("99.0 % on the true label"). right: None where it is open."""

    arm: str
    label: str
    note: str
    right: bool | None


@dataclass(frozen=True)
class Quote:
    """A text and what was said of it.

    text: None where the study keeps no text. cut: how it was shortened. label: the true one, "" where there is none to
    tell. changed: the same text altered, for what compares two. facts: further words, each for itself.
    """

    text: str | None
    cut: str = ""
    label: str = ""
    answers: tuple[Answer, ...] = ()
    changed: str | None = None
    facts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quotes:
    """Texts worth reading. labelled: what the label beside them is."""

    kind: ClassVar[str] = "quotes"
    quotes: tuple[Quote, ...]
    labelled: str = "true label"

    @property
    def labels(self) -> bool:
        """Whether any has a label."""
        return any(quote.label for quote in self.quotes)

    @property
    def answers(self) -> bool:
        """Whether anything was said of any."""
        return any(quote.answers for quote in self.quotes)

    @property
    def changed(self) -> bool:
        """Whether any is one of two texts."""
        return any(quote.changed is not None for quote in self.quotes)

    @property
    def facts(self) -> bool:
        """Whether anything else is known of any."""
        return any(quote.facts for quote in self.quotes)


@dataclass(frozen=True)
class Group:
    """Blocks under a smaller heading (level 3 or 4), or folded away under it."""

    kind: ClassVar[str] = "group"
    title: str
    blocks: tuple[Block, ...]
    level: int = 3
    folded: bool = False

    @property
    def only_read(self) -> bool:
        """Whether it is folded and holds quotes: Markdown, which is to be short, names it and leaves it out."""
        return self.folded and any(isinstance(block, Quotes) or _quotes(block) for block in self.blocks)


Block: TypeAlias = Table | Paragraph | Bullets | Code | Figure | Quotes | Group


def _quotes(block: Block) -> bool:
    return isinstance(block, Group) and any(isinstance(each, Quotes) or _quotes(each) for each in block.blocks)


@dataclass(frozen=True)
class Section:
    """A part of the report. read: one line on how to read it; computed: one line on how it was computed."""

    anchor: str
    title: str
    read: str
    computed: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Headline:
    """What a hurried reader takes away.

    tag: the verdict in a few words; tone: `good`, `bad` or "". sentences: what was found, and what it means. more:
    what should be known beside that, smaller.
    """

    tag: str
    tone: str
    sentences: tuple[str, str]
    more: tuple[Paragraph, ...] = ()


@dataclass(frozen=True)
class Document:
    """A whole page. figures: the pictures of the first screen. footer: where it comes from."""

    title: str
    headline: Headline
    figures: tuple[Figure, ...]
    sections: tuple[Section, ...]
    footer: str = "Made by lightune from the study's results.json, which has every number here at full precision."
