"""Rows that one arm alone has right."""

from __future__ import annotations

from collections.abc import Mapping

from lightune.records import AloneRight, AnsweredRow, StudyResult
from lightune.report import format as show
from lightune.report.document import Answer, Block, Cell, Column, Group, Quote, Section, Table
from lightune.report.escape import short
from lightune.report.quoting import WITHOUT_TEXTS, open_and_folded, quote
from lightune.report.runs import first_answers
from lightune.report.vocabulary import arm_cell

_MOST_QUOTES = 120


def alone_section(result: StudyResult, texts: Mapping[str, str]) -> Section | None:
    """How many rows each arm alone has right, and some of them."""
    alone = result.findings.alone_right
    if not alone:
        return None
    blocks: list[Block] = [_table(alone)]
    shown = [each for each in alone if each.shown]
    if shown and not texts:
        blocks.append(WITHOUT_TEXTS)
    most = max(1, _MOST_QUOTES // (len(shown) or 1))
    blocks += [_rows(each, texts, most) for each in shown]
    return Section(
        anchor="alone",
        title="Only one is right",
        read="What an arm knows that no other does. Where a weak arm has many such rows, it is right by luck or sees "
        "something that the others miss: read them.",
        computed=f"Counted on the test rows, answers of the {first_answers(result)}, among the arms that have a "
        "result.",
        blocks=tuple(blocks),
    )


def _table(alone: tuple[AloneRight, ...]) -> Table:
    return Table(
        "Rows that one arm alone has right",
        (Column("Arm", numeric=False), Column("Rows")),
        tuple((arm_cell(each.arm), Cell(show.count(each.rows))) for each in alone),
    )


def _rows(each: AloneRight, texts: Mapping[str, str], most: int) -> Group:
    quotes = tuple(_quote(row, texts) for row in each.shown[:most])
    title = f"Only {short(each.arm)} is right: {len(quotes)} of {show.count(each.rows)}"
    return Group(title, open_and_folded(quotes), folded=True)


def _quote(row: AnsweredRow, texts: Mapping[str, str]) -> Quote:
    answers = tuple(Answer(short(arm), short(said), "", said == row.label) for arm, said in row.said.items())
    return quote(texts, row.row_id, row.label, answers)
