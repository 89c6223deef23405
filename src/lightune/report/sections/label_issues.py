"""Labels that look wrong."""

from __future__ import annotations

from collections.abc import Mapping

from lightune.records import LabelIssue, LabelIssues, StudyResult
from lightune.report import format as show
from lightune.report.document import Answer, Block, Column, Paragraph, Quote, Section, Table
from lightune.report.escape import short
from lightune.report.quoting import WITHOUT_TEXTS, open_and_folded, quote
from lightune.report.runs import first_answers
from lightune.report.vocabulary import arm_cell, arm_words, share_cell

_MOST_QUOTES = 30


def label_issues_section(result: StudyResult, texts: Mapping[str, str]) -> Section | None:
    """How many labels are suspected, the accuracy without them, and the most suspect ones."""
    issues = result.findings.label_issues
    if issues is None:
        return None
    blocks: list[Block] = [Paragraph(_told(issues, result))]
    if issues.without:
        blocks.append(_table(issues, result))
    quotes = tuple(_quote(issues.arm, issue, texts) for issue in issues.shown[:_MOST_QUOTES])
    if quotes and not texts:
        blocks.append(WITHOUT_TEXTS)
    blocks += open_and_folded(quotes, "label as given")
    return Section(
        anchor="labels",
        title="Suspected label errors",
        read="Suspected is not proven: the arm may be wrong and the label right. Read the rows; the accuracy without "
        "them only says how much may hang on them, and favours the arm that suspects them.",
        computed="Confident learning (Northcutt and others 2021, cleanlab) on the test rows, with the probabilities of "
        f"{short(issues.arm)}, of the {first_answers(result)}. Accuracy without the suspected rows of the same, 95 % "
        "Wilson intervals; on all rows as in the ladder.",
        blocks=tuple(blocks),
    )


def _told(issues: LabelIssues, result: StudyResult) -> str:
    name = arm_words(issues.arm).long
    if not issues.rows:
        return f"No label of the test rows looks wrong to {name}."
    test = result.data.splits.get("test")
    part = f" ({show.share(issues.rows, test.rows)} of the test rows)" if test is not None else ""
    labels = "label looks" if issues.rows == 1 else "labels look"
    return (
        f"{show.count(issues.rows)} {labels} wrong to {name}{part}. "
        f"{len(issues.shown[:_MOST_QUOTES])} of them stand below, the most suspect first."
    )


def _table(issues: LabelIssues, result: StudyResult) -> Table:
    return Table(
        "Accuracy with and without the suspected rows, with 95 % intervals",
        (Column("Arm", numeric=False), Column("On all rows"), Column("Without the suspected")),
        tuple(
            (arm_cell(arm.name), share_cell(arm.metrics.get("accuracy")), share_cell(issues.without[arm.name]))
            for arm in result.arms
            if arm.name in issues.without
        ),
    )


def _quote(arm: str, issue: LabelIssue, texts: Mapping[str, str]) -> Quote:
    note = (
        f"{show.percent(issue.probability_suggested)} on that, {show.percent(issue.probability_label)} on the label "
        "as given"
    )
    answer = Answer(short(arm), short(issue.suggested), note, None)
    return quote(texts, issue.row_id, issue.label, (answer,))
