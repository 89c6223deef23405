"""What a section's blocks say."""

from __future__ import annotations

from collections.abc import Iterator

from lightune.records import StudyResult
from lightune.report.document import Block, Bullets, Group, Paragraph, Quotes, Section, Table
from lightune.report.format import SPACE
from lightune.report.sections import sections

from . import factory

# What was asked for last: most tests look at several sections of the same study, and drawing all of them takes long.
_LAST: list[tuple[StudyResult, tuple[Section, ...]]] = []


def section(result: StudyResult, anchor: str, texts=None) -> Section | None:
    made = sections(result, texts) if texts is not None else _sections(result)
    return next((each for each in made if each.anchor == anchor), None)


def _sections(result: StudyResult) -> tuple[Section, ...]:
    for known, made in _LAST:
        if known is result:
            return made
    del _LAST[3:]
    _LAST.insert(0, (result, sections(result, factory.texts(result))))
    return _LAST[0][1]


def every(blocks: tuple[Block, ...]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, Group):
            yield from every(block.blocks)


def tables(found: Section | None) -> list[Table]:
    assert found is not None
    return [block for block in every(found.blocks) if isinstance(block, Table)]


def row(table: Table, name: str) -> list[str]:
    """The cells of the row of that name, an aside after its cell."""
    cells = next(row for row in table.rows if row[0].text == name)
    return [f"{cell.text} {cell.aside}".strip().replace(SPACE, " ") for cell in cells]


def words(found: Section | None) -> str:
    """All plain sentences and headings."""
    assert found is not None
    said = [found.read, found.computed]
    for block in every(found.blocks):
        if isinstance(block, Paragraph):
            said.append(block.text)
        elif isinstance(block, Bullets):
            said += block.lines
        elif isinstance(block, Group):
            said.append(block.title)
    return " ".join(said).replace(SPACE, " ")


def quotes(found: Section | None) -> list[Quotes]:
    assert found is not None
    return [block for block in every(found.blocks) if isinstance(block, Quotes)]
