"""Test rows whose text, or nearly it, stands elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from lightune.records import Overlap, Repeat, StudyResult
from lightune.report import format as show
from lightune.report.document import Block, Column, Paragraph, Quote, Section, Table
from lightune.report.escape import short
from lightune.report.quoting import WITHOUT_TEXTS, open_and_folded, quote
from lightune.report.vocabulary import arm_cell, share_cell

_MOST_QUOTES = 30


def overlap_section(result: StudyResult, texts: Mapping[str, str]) -> Section | None:
    """How many test rows are repeats, the accuracy with and without those in train, and the likest of them."""
    overlap = result.findings.overlap
    if overlap is None:
        return None
    blocks: list[Block] = [Paragraph(_told(overlap))]
    if overlap.in_train and overlap.clean:
        blocks.append(_table(overlap, result))
    quotes = tuple(_quote(repeat, texts) for repeat in overlap.shown[:_MOST_QUOTES])
    if quotes and not texts:
        blocks.append(WITHOUT_TEXTS)
    blocks += open_and_folded(quotes)
    return Section(
        anchor="overlap",
        title="Near-duplicates",
        read="A test row that an arm has seen in training, or nearly seen, flatters it. Where the accuracy without "
        "such rows is lower, believe that one.",
        computed=f"Alike: {show.decimal(overlap.threshold, 2)} or more by Jaccard similarity of word shingles "
        "(Broder 1997). Accuracy of the first seed, 95 % Wilson intervals.",
        blocks=tuple(blocks),
    )


def _told(overlap: Overlap) -> str:
    if not overlap.in_train and not overlap.in_test:
        return "No test row is like another one, or like a row of train or validation."
    return (
        f"{_rows(overlap.in_train)} like one of train or validation, and {_rows(overlap.in_test)} like an earlier test "
        "row."
    )


def _rows(count: int) -> str:
    return "1 test row is" if count == 1 else f"{show.count(count)} test rows are"


def _table(overlap: Overlap, result: StudyResult) -> Table:
    return Table(
        "Accuracy with and without the test rows that are like one of train or validation, with 95 % intervals",
        (Column("Arm", numeric=False), Column("On all rows"), Column("Without them")),
        tuple(
            (arm_cell(arm.name), share_cell(overlap.accuracy.get(arm.name)), share_cell(overlap.clean.get(arm.name)))
            for arm in result.arms
            if arm.name in overlap.clean
        ),
    )


def _quote(repeat: Repeat, texts: Mapping[str, str]) -> Quote:
    label = "the same label" if repeat.same_label else "another label"
    likeness = "the same words" if repeat.similarity >= 1 else f"similarity {show.decimal(repeat.similarity, 2)}"
    return quote(texts, repeat.row_id, facts=(f"also in {short(repeat.split)}: {likeness}, {label}",))
