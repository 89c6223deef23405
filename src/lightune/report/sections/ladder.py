"""The ladder: every arm on the same test rows."""

from __future__ import annotations

from lightune.records import ArmResult, Scores, StudyResult
from lightune.report import format as show
from lightune.report.document import Block, Cell, Column, Paragraph, Section, Table
from lightune.report.escape import sentence, short
from lightune.report.headline import failure
from lightune.report.runs import final_runs
from lightune.report.vocabulary import arm_cell, metric_note, metric_words

# A bootstrap over fewer seeds than this sees too little of what they vary.
_ENOUGH_SEEDS = 5
_UNSAID = Cell(show.DASH, why="nothing was recorded")


def ladder_section(result: StudyResult) -> Section:
    """The table of metrics, the arms that failed, and what each used validation for."""
    blocks: list[Block] = [Paragraph(failure(arm, 2000), tone="bad") for arm in result.arms if _failed(arm)]
    blocks += [_table(result), Paragraph(metric_note(result.data))]
    blocks += _few_seeds(result)
    if any(arm.validation_use for arm in result.arms):
        blocks.append(_validation(result))
    return Section(
        anchor="ladder",
        title="The ladder",
        read="All arms label the same test rows. Where two intervals overlap, look at the comparison: it is sharper, "
        f"because it pairs the {'rows' if result.cross_validation is None else 'folds'}.",
        computed=_computed(result),
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


def _computed(result: StudyResult) -> str:
    if result.cross_validation is None:
        return (
            "95 % intervals: Wilson for accuracy, percentile bootstrap over rows for the rest; they speak of other "
            "test rows, not of other trainings. Over several seeds a value is the mean and its interval a bootstrap "
            "over seeds and rows."
        )
    mean = "" if result.cross_validation.repeats == 1 else ", the mean over the repeats"
    return (
        f"A value is that of all folds' rows together{mean}; AUROC and PR-AUC are means over the folds. 95 % "
        "intervals: the corrected resampled t over the folds (Nadeau and Bengio 2003), which allows for the training "
        "rows that the folds share; they speak of other rows and of other trainings."
    )


def _few_seeds(result: StudyResult) -> list[Paragraph]:
    """Say of which arms the interval is too narrow, since few seeds show too little of their variance."""
    if result.cross_validation is not None:
        return []
    few = [short(arm.name) for arm in result.arms if 1 < len(final_runs(arm)) < _ENOUGH_SEEDS and not _failed(arm)]
    if not few:
        return []
    fuller = " The differences over all seeds below have the fuller ones." if result.seed_comparisons else ""
    return [
        Paragraph(
            f"With so few seeds the intervals of {', '.join(few)} are a little too narrow here: a bootstrap over s "
            f"seeds sees (s − 1)/s of their variance.{fuller}"
        )
    ]


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
            cells = [word.cell(arm.metrics.get(word.name), arm.labels_only) for word in words]
        rows.append((arm_cell(arm.name), *cells))
    return Table(
        "Metrics on the test rows, with 95 % intervals",
        (Column("Arm", numeric=False), *(word.column for word in words)),
        tuple(rows),
    )


def _validation(result: StudyResult) -> Table:
    return Table(
        "What each arm used the validation rows for",
        (Column("Arm", numeric=False), Column("Validation rows", numeric=False)),
        tuple(
            (arm_cell(arm.name), Cell(sentence(arm.validation_use, 300)) if arm.validation_use else _UNSAID)
            for arm in result.arms
            if not _failed(arm)
        ),
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
                *(word.cell(scores.metrics.get(word.name), arm.labels_only) for word in words),
            )
            for arm, scores in scored
        ),
    )


def _failed(arm: ArmResult) -> bool:
    return arm.status != "done"
