"""Which labels are taken for which."""

from __future__ import annotations

from functools import partial

from markupsafe import Markup

from lightune.records import ArmResult, StudyResult
from lightune.report import format as show
from lightune.report.document import Block, Cell, Column, Figure, Group, Paragraph, Section, Table
from lightune.report.escape import short
from lightune.report.pictures.confusion import MOST_LABELS, heat_map
from lightune.report.runs import first_answers

MATRIX_LIMIT = 10
_TOP = 15


def confusion_section(result: StudyResult) -> Section | None:
    """A matrix an arm: a table for up to `MATRIX_LIMIT` labels, else a picture and the commonest confusions."""
    arms = [arm for arm in result.arms if arm.confusion]
    if not arms:
        return None
    names = tuple(short(name, 40) for name in result.data.label_names)
    small = len(names) <= MATRIX_LIMIT
    shown = {result.verdict.subject or arms[-1].name}
    blocks: list[Block] = []
    for place, arm in enumerate(arms):
        if small:
            blocks.append(_matrix(arm, names))
        else:
            blocks.append(_many(arm, names, f"confusion{place}", folded=arm.name not in shown))
    return Section(
        anchor="confusion",
        title="Confusion",
        read="A row is a true label and sums to its test rows; the share is of that row. "
        "The diagonal is right, all else is a confusion."
        + ("" if small else " A strong upright line is a label that is given too often."),
        computed=f"Counts on the test rows, {first_answers(result)}.",
        blocks=tuple(blocks),
    )


def _matrix(arm: ArmResult, names: tuple[str, ...]) -> Block:
    rows = []
    for name, counts in zip(names, arm.confusion, strict=False):
        total = sum(counts)
        cells = [
            Cell(
                show.count(number),
                aside=show.percent(number / total) if total else "",
                heat=number / total if total else 0.0,
            )
            for number in counts
        ]
        rows.append((Cell(name), *cells))
    columns = (Column("True label", numeric=False), *(Column(f"said {name}") for name in names))
    return Table(f"Confusion matrix of {short(arm.name)}", columns, tuple(rows))


def _many(arm: ArmResult, names: tuple[str, ...], figure: str, folded: bool) -> Group:
    blocks: list[Block] = []
    if len(names) <= MOST_LABELS:
        blocks.append(
            Figure(
                figure,
                f"Confusion matrix of {short(arm.name)}. Each row is a true label, each column one that was given; "
                "on the diagonal the right ones, beside it the confusions; the stronger the colour, the more.",
                partial(_drawn, arm, names),
                scrolls=True,
            )
        )
    blocks.append(_commonest(arm, names))
    return Group(short(arm.name), tuple(blocks), folded=folded)


def _drawn(arm: ArmResult, names: tuple[str, ...], name: str, width: int) -> Markup:  # noqa: ARG001
    return heat_map(arm.name, arm.confusion, names, name)


def _commonest(arm: ArmResult, names: tuple[str, ...]) -> Block:
    confused = sorted(
        (
            (-number, true, said, sum(counts))
            for true, counts in enumerate(arm.confusion)
            for said, number in enumerate(counts)
            if number and true != said
        ),
    )
    if not confused:
        return Paragraph(f"{short(arm.name)} labelled no row wrong.")
    rows = tuple(
        (
            Cell(names[true]),
            Cell(names[said]),
            Cell(show.count(-number)),
            Cell(show.percent(-number / total), heat=-number / total),
        )
        for number, true, said, total in confused[:_TOP]
    )
    columns = (
        Column("True label", numeric=False),
        Column("Was called", numeric=False),
        Column("Rows"),
        Column("Share of the true label's rows"),
    )
    told = f"the {len(rows)} commonest of {show.count(len(confused))} kinds of confusion"
    return Table(f"{short(arm.name)}: {told}", columns, rows)
