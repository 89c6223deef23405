"""Test rows as quotes: the text where the study keeps it, else the row's id."""

from __future__ import annotations

from collections.abc import Mapping

from lightune.report.document import Answer, Block, Group, Paragraph, Quote, Quotes
from lightune.report.escape import excerpt, short

# Quotes that stand open on the page; the rest is folded away.
OPEN = 3
# Beside the answer of an arm that gives no probabilities: the 1 and 0 that stand for them are not its own.
LABEL_ONLY = "label only"
WITHOUT_TEXTS = Paragraph("This study was kept without its texts (--no-texts): rows go by their row id.")


def quote(
    texts: Mapping[str, str],
    row_id: str,
    label: str = "",
    answers: tuple[Answer, ...] = (),
    facts: tuple[str, ...] = (),
) -> Quote:
    """A test row. texts: row_id -> text, empty where the study keeps none."""
    text = texts.get(row_id)
    if text is None:
        return Quote(None, f"text not kept, row {short(row_id)}", short(label), answers, facts=facts)
    shown, cut = excerpt(text)
    return Quote(shown or "(an empty text)", cut, short(label), answers, facts=facts)


def open_and_folded(quotes: tuple[Quote, ...], labelled: str = "true label", first: int = OPEN) -> tuple[Block, ...]:
    """The first few quotes, the others folded away."""
    blocks: list[Block] = [Quotes(quotes[:first], labelled)] if quotes else []
    rest = quotes[first:]
    if rest:
        blocks.append(Group(f"{len(rest)} more", (Quotes(rest, labelled),), level=4, folded=True))
    return tuple(blocks)
