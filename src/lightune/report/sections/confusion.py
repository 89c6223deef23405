"""Which labels are taken for which."""

from __future__ import annotations

from lightune.records import ArmResult, StudyResult
from lightune.report import format as show
from lightune.report.document import Block, Cell, Column, Paragraph, Section, Table
from lightune.report.escape import short

MATRIX_LIMIT = 10
_TOP = 15


def confusion_section(result: StudyResult) -> Section | None:
    """A matrix an arm for up to `MATRIX_LIMIT` labels; for more, the commonest confusions."""
    arms = [arm for arm in result.arms if arm.confusion]
    if not arms:
        return None
    names = tuple(short(name, 40) for name in result.data.label_names)
    small = len(names) <= MATRIX_LIMIT
    blocks = tuple(_matrix(arm, names) if small else _commonest(arm, names) for arm in arms)
    return Section(
        anchor="confusion",
        title="Confusion",
        read="A row is a true label and sums to its test rows; the share is of that row, the darker the more. "
        "The diagonal is right, all else is a confusion."
        if small
        else f"With {len(names)} labels a matrix cannot be read: the commonest confusions of each arm instead.",
        computed="Counts on the test rows, first seed.",
        blocks=blocks,
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
