"""Certificates: what was checked of each saved artefact, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from lightune.evaluation import certified_lines, inapplicable
from lightune.records import FAIL, NOT_APPLICABLE, PASS, ArmResult, Certificate, CertifiedLine, StudyResult
from lightune.report import format as show
from lightune.report.certificates import failed_line
from lightune.report.document import Block, Bullets, Cell, Column, Group, Paragraph, Section, Table
from lightune.report.escape import sentence, short
from lightune.report.runs import first_run

_NOT_APPLICABLE = "n.a."


def certificate_section(result: StudyResult) -> Section | None:
    """Every line of every certificate, the failed ones with their reasons first."""
    arms = [arm for arm in result.arms if arm.certificate is not None]
    if not arms:
        return None
    lines = certified_lines(arms)
    blocks: list[Block] = [
        Paragraph(failed_line(arm.name, check), "bad")
        for arm in arms
        for check in (arm.certificate.failed if arm.certificate else ())
    ]
    blocks += [_matrix(arms, lines), _compared(lines), *_left_out(arms)]
    return Section(
        anchor="certificate",
        title="Certificate",
        read="Each line was checked on the artefact as it was saved, not on the model in memory. Failed: what was "
        f"measured here is not what you would use. {_NOT_APPLICABLE}: the line does not apply to this artefact.",
        computed=f"Of the {first_run(result)}'s artefact, as certificate.json has it. The figure under a mark is the "
        "largest absolute difference over the texts; the second table has what it is allowed to be.",
        blocks=tuple(blocks),
    )


def _matrix(arms: Sequence[ArmResult], lines: Sequence[CertifiedLine]) -> Table:
    columns = (
        Column("Arm", numeric=False),
        *(Column(short(line.name, 40), why=short("; ".join(line.compared), 300)) for line in lines),
    )
    rows = tuple(
        (Cell(short(arm.name), aside=_rows(made)), *(_mark(made, line) for line in lines))
        for arm in arms
        if (made := arm.certificate) is not None
    )
    return Table("Certificates: each artefact and each line, with the largest difference", columns, rows)


def _rows(made: Certificate) -> str:
    """On how many texts the arm was checked."""
    rows = "1 text" if made.rows == 1 else f"{show.count(made.rows)} texts"
    return f"{rows}, {show.count(made.cut_rows)} cut" if made.cut_rows else rows


def _mark(made: Certificate, line: CertifiedLine) -> Cell:
    check = next((check for check in made.checks if check.name == line.name), None)
    if check is None:
        return Cell(show.DASH, why="not checked")
    said = {PASS: "✓ pass", FAIL: "✗ fail", NOT_APPLICABLE: _NOT_APPLICABLE}
    return Cell(
        said.get(check.outcome, short(check.outcome)),
        aside=show.scientific(check.difference) if show.defined(check.difference) else "",
        tone="bad" if check.outcome == FAIL else "",
    )


def _compared(lines: Sequence[CertifiedLine]) -> Table:
    columns = (
        Column("Line", numeric=False),
        Column("What was compared", numeric=False),
        Column("Allowed", why="the largest difference that passes"),
        Column("Largest difference", why="of all arms, in logits unless it says otherwise"),
    )
    return Table("What each line compares, and the largest difference of all arms", columns, tuple(map(_line, lines)))


def _line(line: CertifiedLine) -> tuple[Cell, ...]:
    allowed = " or ".join(show.limit(each) for each in line.tolerances)
    return (
        Cell(short(line.name)),
        Cell(short("; ".join(line.compared), 300)),
        Cell(allowed) if allowed else Cell(show.DASH, why="nothing is measured"),
        Cell(show.scientific(line.largest), aside=short(line.largest_arm, 30) if line.largest else "")
        if line.largest_arm is not None
        else Cell(show.DASH, why="nothing was measured"),
    )


def _left_out(arms: Sequence[ArmResult]) -> list[Block]:
    lines = tuple(
        f"{short(each.check)}, of {', '.join(short(arm) for arm in each.arms)}: "
        f"{sentence(each.reason or 'no reason was recorded', 500)}"
        for each in inapplicable(arms)
    )
    return [Group("Lines that do not apply, and why", (Bullets(lines),), folded=True)] if lines else []
