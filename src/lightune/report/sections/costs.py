"""What each arm cost."""

from __future__ import annotations

from lightune.records import BESIDE, ArmResult, Cost, StudyResult
from lightune.report import format as show
from lightune.report.document import Cell, Column, Section, Table
from lightune.report.escape import short
from lightune.report.runs import first_run
from lightune.report.vocabulary import arm_cell


def costs_section(result: StudyResult) -> Section | None:
    """Time, speed, parameters, memory and size, a row an arm."""
    priced = [(arm, arm.cost) for arm in result.arms if arm.cost is not None]
    if not priced:
        return None
    device = any(cost.peak_device_memory_bytes is not None for _, cost in priced)
    columns = (
        Column("Arm", numeric=False),
        Column("Training time", why="training, without loading and saving"),
        Column("Training tokens/s", why="useful tokens, those that are not padding"),
        Column("Training rows/s"),
        Column("Prediction time", why="the test split, without loading"),
        Column("Prediction tokens/s", why="useful tokens, those that are not padding"),
        Column("Prediction rows/s"),
        Column("Trained parameters", why="and their share of all"),
        Column("All parameters"),
        Column("Peak memory", why="the most that the run's own process held"),
        *((Column("Peak GPU memory"),) if device else ()),
        Column("Saved size", why="what was saved to use the arm again"),
    )
    return Section(
        anchor="cost",
        title="Cost",
        read="What the accuracy was bought with. Compare times only on the same machine with nothing else running.",
        computed="Each run worked in a process of its own, so peak memory is its own, libraries included. "
        f"Of several runs of an arm, the {first_run(result)}'s.{_beside(result)}",
        blocks=(Table("Cost of each arm", columns, tuple(_row(arm, cost, device) for arm, cost in priced)),),
    )


def _beside(result: StudyResult) -> str:
    """Whose times are not its alone."""
    names = [short(arm.name) for arm in result.arms if any(note.startswith(BESIDE) for note in arm.notes)]
    if not names:
        return ""
    return f" Beside other runs on the same machine ran {', '.join(names)}: their times do not compare with others."


def _row(arm: ArmResult, cost: Cost, device: bool) -> tuple[Cell, ...]:
    return (
        arm_cell(arm.name),
        Cell(show.seconds(cost.fit_seconds)),
        _rate(cost.fit_tokens_per_second),
        _rate(cost.fit_rows_per_second),
        Cell(show.seconds(cost.predict_seconds)),
        _rate(cost.predict_tokens_per_second),
        _rate(cost.predict_rows_per_second),
        Cell(
            show.count(cost.trainable_parameters),
            aside=show.share(cost.trainable_parameters, cost.total_parameters) if cost.total_parameters else "",
        ),
        Cell(show.count(cost.total_parameters)),
        Cell(show.size(cost.peak_memory_bytes)),
        *((Cell(show.size(cost.peak_device_memory_bytes)),) if device else ()),
        Cell(show.size(cost.artifact_bytes)),
    )


def _rate(value: float | None) -> Cell:
    return Cell(show.rate(value), why="" if show.defined(value) else "not measured")
