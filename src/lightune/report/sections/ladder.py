"""The ladder: every arm on the same test rows."""

from __future__ import annotations

from lightune.records import ArmResult, Scores, StudyResult
from lightune.report import format as show
from lightune.report.document import Block, Cell, Column, Figure, Paragraph, Section, Table
from lightune.report.headline import failure
from lightune.report.pictures import ladder
from lightune.report.vocabulary import arm_cell, metric_note, metric_words


def ladder_section(result: StudyResult) -> Section:
    """The picture, the table of metrics, and the arms that failed."""
    blocks: list[Block] = [Paragraph(failure(arm, 2000), tone="bad") for arm in result.arms if _failed(arm)]
    drawn = [arm for arm in result.arms if not _failed(arm) and _has_accuracy(arm)]
    if drawn:
        blocks.append(
            Figure(
                "ladder",
                "Accuracy on the test rows. Dot: the arm; line: its 95 % interval; "
                "rings: its seeds, where there are several.",
                lambda name, width: ladder(drawn, name, width),
            )
        )
    blocks += [_table(result), Paragraph(metric_note(result.data))]
    return Section(
        anchor="ladder",
        title="The ladder",
        read="All arms label the same test rows. Where two intervals overlap, look at the comparison: it is sharper, "
        "because it pairs the rows.",
        computed="95 % intervals: Wilson for accuracy, percentile bootstrap over rows for the rest; they speak of "
        "other test rows, not of other trainings. Over several seeds a value is the mean and its interval a "
        "bootstrap over seeds and rows.",
        blocks=tuple(blocks),
    )


def splits_section(result: StudyResult) -> Section | None:
    """Each further split that was evaluated, a table each."""
    names = list(dict.fromkeys(name for arm in result.arms for name in arm.splits))
    if not names:
        return None
    return Section(
        anchor="splits",
        title="Other rows",
        read="The same arms, not trained again, on further labelled rows. "
        "A drop from the ladder says how far the result carries.",
        computed="As in the ladder.",
        blocks=tuple(_split_table(result, name) for name in names),
    )


def _table(result: StudyResult) -> Table:
    words = metric_words(result.data)
    rows = []
    for arm in result.arms:
        if _failed(arm):
            cells = [
                Cell("failed", tone="bad"),
                *(Cell(show.DASH) for _ in words[1:]),
            ]
        else:
            cells = [word.cell(arm.metrics.get(word.name)) for word in words]
        rows.append((arm_cell(arm.name), *cells))
    return Table(
        "Metrics on the test rows, with 95 % intervals",
        (Column("Arm", numeric=False), *(word.column for word in words)),
        tuple(rows),
    )


def _split_table(result: StudyResult, name: str) -> Table:
    words = metric_words(result.data)
    scored: list[tuple[ArmResult, Scores]] = [(arm, arm.splits[name]) for arm in result.arms if name in arm.splits]
    return Table(
        f"Split {name}, with 95 % intervals",
        (Column("Arm", numeric=False), Column("Rows"), *(word.column for word in words)),
        tuple(
            (
                arm_cell(arm.name),
                Cell(show.count(scores.rows)),
                *(word.cell(scores.metrics.get(word.name)) for word in words),
            )
            for arm, scores in scored
        ),
    )


def _failed(arm: ArmResult) -> bool:
    return arm.status != "done"


def _has_accuracy(arm: ArmResult) -> bool:
    accuracy = arm.metrics.get("accuracy")
    return accuracy is not None and show.defined(accuracy.value)
