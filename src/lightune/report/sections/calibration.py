"""How far the probabilities can be taken at their word."""

from __future__ import annotations

from lightune.records import ArmResult, Calibration, StudyResult
from lightune.report import format as show
from lightune.report.document import Block, Cell, Column, Figure, Paragraph, Section, Table
from lightune.report.escape import short
from lightune.report.pictures.cast import cast_of
from lightune.report.pictures.reliability import reliability
from lightune.report.runs import first_answers
from lightune.report.vocabulary import LABELS_ONLY, arm_cell, cell_with_interval

_SCALED = (Column("Temperature"), Column("ECE with it"), Column("Brier with it"), Column("NLL with it"))
_TOO_SURE = (
    " A temperature above 1 says that the arm is too sure; dividing its logits by it mends that and changes no label."
)
_FITTED = "The temperature was fitted on validation and is kept with the artefact."


def calibration_section(result: StudyResult) -> Section | None:
    """The reliability curves, and ECE, Brier score and log-loss with and without the temperature."""
    arms = [(arm, arm.calibration) for arm in result.arms if arm.calibration is not None]
    if not arms:
        return None
    drawn = {arm.name: calibration for arm, calibration in arms if calibration.bins}
    blocks: list[Block] = []
    if drawn:
        cast = cast_of(result)
        blocks.append(
            Figure(
                "reliability",
                "How often an arm is right (upwards) against how sure it is (to the right), with 95 % intervals. "
                "On the dashed line it is as right as it is sure; below it, it is too sure.",
                lambda name, width: reliability(drawn, cast, name, width),
            )
        )
    folds = result.cross_validation is not None
    blocks.append(_table(arms, folds))
    without = [arm for arm in result.arms if arm.labels_only]
    if without:
        names = ", ".join(short(arm.name) for arm in without)
        blocks.append(Paragraph(f"Left out, as they give {LABELS_ONLY}: {names}."))
    return Section(
        anchor="calibration",
        title="Calibration",
        read="ECE is how far off the stated confidence is on average: 5 % means that of answers given with 90 % about "
        f"85 or 95 % are right.{'' if folds else _TOO_SURE}",
        computed=f"On the test rows, answers of the {first_answers(result)}. ECE over bins of like confidence (Guo and "
        "others 2017), Brier score summed over labels (0 to 2), NLL in nats, 95 % bootstrap intervals over rows. "
        + ("No temperature: each fold has one of its own." if folds else _FITTED),
        blocks=tuple(blocks),
    )


def _table(arms: list[tuple[ArmResult, Calibration]], folds: bool) -> Table:
    """folds: of a cross-validation, which has no temperature to show."""
    columns = (
        Column("Arm", numeric=False),
        Column("ECE", why="expected calibration error, lower is better"),
        Column("Brier", why="mean squared distance from the truth, lower is better"),
        Column("NLL", why="mean negative log-likelihood, lower is better"),
        *(() if folds else _SCALED),
    )
    caption = "Calibration, as it is" if folds else "Calibration, as it is and with the temperature"
    return Table(
        caption, columns, tuple((*_row(arm, found), *(() if folds else _scaled(found))) for arm, found in arms)
    )


def _row(arm: ArmResult, found: Calibration) -> tuple[Cell, ...]:
    return (
        arm_cell(arm.name),
        cell_with_interval(found.ece, show.percent, show.bare_percent),
        cell_with_interval(found.brier, show.decimal, show.decimal),
        cell_with_interval(found.nll, show.decimal, show.decimal),
    )


def _scaled(found: Calibration) -> tuple[Cell, ...]:
    scaled = found.scaled
    return (
        Cell(show.decimal(found.temperature, 2), why="" if show.defined(found.temperature) else "none was fitted"),
        Cell(show.percent(scaled.get("ece"))),
        Cell(show.decimal(scaled.get("brier"))),
        Cell(show.decimal(scaled.get("nll"))),
    )
