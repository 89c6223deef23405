"""Each arm over its seeds, or its folds, and what differs from seed to seed beside what differs from row to row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from lightune.records import ArmResult, SeedComparison, StudyResult
from lightune.report import format as show
from lightune.report.document import Block, Cell, Column, Section, Table
from lightune.report.escape import short
from lightune.report.runs import final_runs, run_name, seed_accuracies
from lightune.report.vocabulary import MetricWords, arm_cell, metric_words, points_cell


def seeds_section(result: StudyResult) -> Section | None:
    """Mean and spread of each arm, differences over seeds, and a table of every run."""
    several = [arm for arm in result.arms if len(final_runs(arm)) > 1]
    if not several and not result.seed_comparisons:
        return None
    blocks: list[Block] = []
    if result.seed_comparisons:
        blocks.append(_comparisons(result.seed_comparisons))
    if several:
        blocks.append(_spread(several, "seeds" if result.cross_validation is None else "folds"))
    blocks += [_table(result, arm, metric_words(result.data)) for arm in several]
    if result.cross_validation is not None:
        return _folds(blocks)
    return Section(
        anchor="seeds",
        title="Seeds",
        read="How far chance in the run itself (the start of the head, the order of the rows) moves an arm, beside "
        "how far other test rows would. Where the seeds' part is the larger, more seeds help; else more test rows do.",
        computed="Values of each run on the test rows; the mean is the ladder's value. Differences over seeds: means, "
        "with 95 % bootstrap intervals over seeds and rows. Their standard deviations: from other seeds on these rows, "
        "and from other rows with these seeds. Of the runs on the most training rows; those of a learning curve "
        "stand there.",
        blocks=tuple(blocks),
    )


def _folds(blocks: Sequence[Block]) -> Section:
    return Section(
        anchor="seeds",
        title="Folds",
        read="Each fold has other test rows and a training of its own, so that the range holds what both change. The "
        "value of all folds together is surer than one fold's: its interval stands in the ladder.",
        computed="Values of each run on its fold's test rows. Those of all folds are the ladder's.",
        blocks=tuple(blocks),
    )


def _comparisons(pairs: Sequence[SeedComparison]) -> Table:
    return Table(
        "Differences over all seeds, in percentage points with 95 % intervals",
        (
            Column("First against second", numeric=False),
            Column("Accuracy", why="first minus second, mean over seeds"),
            Column("F1", why="first minus second, mean over seeds"),
            Column("Seeds", why="of the first and of the second"),
            Column("Spread from seeds", why="standard deviation of the accuracy difference, in points"),
            Column("Spread from rows", why="standard deviation of the accuracy difference, in points"),
            Column("Rows"),
        ),
        tuple(
            (
                Cell(f"{short(each.a)} against {short(each.b)}"),
                points_cell(each.delta_accuracy),
                points_cell(each.delta_f1),
                Cell(f"{each.seeds_a} and {each.seeds_b}"),
                Cell(show.bare_percent(each.seed_sd), why="" if show.defined(each.seed_sd) else "one seed each"),
                Cell(show.bare_percent(each.row_sd)),
                Cell(show.count(each.rows)),
            )
            for each in pairs
        ),
    )


def _spread(arms: Sequence[ArmResult], runs: str) -> Table:
    """runs: what they are, `seeds` or `folds`."""
    rows = []
    for arm in arms:
        values = seed_accuracies(arm) or [math.nan]
        mean = arm.metrics.get("accuracy")
        rows.append(
            (
                arm_cell(arm.name),
                Cell(show.percent(mean.value if mean is not None else None)),
                Cell(show.percent(min(values))),
                Cell(show.percent(max(values))),
                Cell(show.bare_percent(max(values) - min(values))),
                Cell(show.count(len(values))),
            )
        )
    columns = (
        Column("Arm", numeric=False),
        Column("Mean accuracy" if runs == "seeds" else "Accuracy", why="as in the ladder"),
        Column("Lowest"),
        Column("Highest"),
        Column("Range", why="highest minus lowest, in points"),
        Column("Runs"),
    )
    return Table(f"Accuracy over {runs}", columns, tuple(rows))


def _table(result: StudyResult, arm: ArmResult, words: tuple[MetricWords, ...]) -> Table:
    runs, folds = final_runs(arm), result.cross_validation is not None
    timed = any(each.cost is not None for each in runs)
    columns = (
        Column("Fold" if folds else "Seed", numeric=False),
        Column("Train rows"),
        *(word.column for word in words),
        *((Column("Training time"),) if timed else ()),
    )
    rows = [
        (
            Cell(run_name(result, each)),
            Cell(show.count(each.train_size)),
            *(word.plain(each.metrics.get(word.name), arm.labels_only) for word in words),
            *((Cell(show.seconds(each.cost.fit_seconds if each.cost else None)),) if timed else ()),
        )
        for each in runs
    ]
    means = [
        word.plain(arm.metrics[word.name].value if word.name in arm.metrics else None, arm.labels_only)
        for word in words
    ]
    blank = (Cell(""),) if timed else ()
    rows.append((Cell("all folds" if folds else "mean"), Cell(""), *means, *blank))
    for name, pick in (("lowest", min), ("highest", max)):
        ends = [word.plain(_end(arm, word.name, pick), arm.labels_only) for word in words]
        rows.append((Cell(name), Cell(""), *ends, *blank))
    return Table(f"{short(arm.name)} over {len(runs)} {'folds' if folds else 'seeds'}", columns, tuple(rows))


def _end(arm: ArmResult, metric: str, pick: Callable[[Sequence[float]], float]) -> float:
    """The lowest or highest value of a metric among the final runs; NaN where none is defined."""
    values = [each.metrics.get(metric, math.nan) for each in final_runs(arm)]
    return pick([value for value in values if show.defined(value)] or [math.nan])
