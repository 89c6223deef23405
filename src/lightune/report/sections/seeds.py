"""Each arm over its seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from lightune.records import ArmResult, StudyResult
from lightune.report import format as show
from lightune.report.document import Cell, Column, Section, Table
from lightune.report.escape import short
from lightune.report.vocabulary import MetricWords, metric_words


def seeds_section(result: StudyResult) -> Section | None:
    """A table for every arm that has more than one seed: each run, their mean and their range."""
    several = [arm for arm in result.arms if len(arm.seeds) > 1]
    if not several:
        return None
    return Section(
        anchor="seeds",
        title="Seeds",
        read="How far chance in the run itself (the start of the head, the order of the rows) moves an arm. "
        "Lowest and highest are of the runs on the most training rows.",
        computed="Plain values of each run on the test rows; the mean is the ladder's value.",
        blocks=tuple(_table(arm, metric_words(result.data)) for arm in several),
    )


def _table(arm: ArmResult, words: tuple[MetricWords, ...]) -> Table:
    timed = any(each.cost is not None for each in arm.seeds)
    columns = (
        Column("Seed", numeric=False),
        Column("Train rows"),
        *(word.column for word in words),
        *((Column("Training time"),) if timed else ()),
    )
    rows = [
        (
            Cell(str(each.seed)),
            Cell(show.count(each.train_size)),
            *(word.plain(each.metrics.get(word.name)) for word in words),
            *((Cell(show.seconds(each.cost.fit_seconds if each.cost else None)),) if timed else ()),
        )
        for each in arm.seeds
    ]
    means = [word.plain(arm.metrics[word.name].value if word.name in arm.metrics else None) for word in words]
    blank = (Cell(""),) if timed else ()
    rows.append((Cell("mean"), Cell(""), *means, *blank))
    for name, pick in (("lowest", min), ("highest", max)):
        ends = [word.plain(_end(arm, word.name, pick)) for word in words]
        rows.append((Cell(name), Cell(""), *ends, *blank))
    return Table(f"{short(arm.name)} over {len(arm.seeds)} seeds", columns, tuple(rows))


def _end(arm: ArmResult, metric: str, pick: Callable[[Sequence[float]], float]) -> float:
    """The lowest or highest value of a metric among the runs on the most training rows; NaN where none is defined."""
    largest = max(each.train_size for each in arm.seeds)
    values = [each.metrics.get(metric, math.nan) for each in arm.seeds if each.train_size == largest]
    return pick([value for value in values if show.defined(value)] or [math.nan])
