"""What a report is made of. Sections build these blocks from records; two templates turn them into HTML and Markdown.

All strings are plain text: the templates escape them. Only `Figure` holds markup, made by `svg.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from markupsafe import Markup

# CSS pixels that a picture is wide.
WIDE, NARROW = 720, 350


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
    out: a table beside it has the numbers.
    """

    kind: ClassVar[str] = "figure"
    name: str
    caption: str
    draw: Callable[[str, int], Markup]

    @property
    def wide(self) -> Markup:
        """The picture for a computer's screen and for paper."""
        return self.draw(self.name, WIDE)

    @property
    def narrow(self) -> Markup:
        """The picture for a phone."""
        return self.draw(f"{self.name}-s", NARROW)


@dataclass(frozen=True)
class Answer:
    """What one arm said of a row."""

    arm: str
    label: str
    probability: str
    right: bool


@dataclass(frozen=True)
class Quote:
    """A test row and what two arms said of it. text: None where the study keeps no text. cut: how it was shortened."""

    text: str | None
    cut: str
    label: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Quotes:
    """Test rows worth reading."""

    kind: ClassVar[str] = "quotes"
    quotes: tuple[Quote, ...]


@dataclass(frozen=True)
class Group:
    """Blocks under a smaller heading (level 3 or 4), or folded away under it."""

    kind: ClassVar[str] = "group"
    title: str
    blocks: tuple[Block, ...]
    level: int = 3
    folded: bool = False


Block: TypeAlias = Table | Paragraph | Bullets | Code | Figure | Quotes | Group


@dataclass(frozen=True)
class Section:
    """A part of the report. read: one line on how to read it; computed: one line on how it was computed."""

    anchor: str
    title: str
    read: str
    computed: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """The whole report. headline: the sentences that a hurried reader takes away."""

    title: str
    headline: tuple[str, ...]
    sections: tuple[Section, ...] = field(default=())
