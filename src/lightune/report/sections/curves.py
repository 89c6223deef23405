"""Is more data worth it?"""

from __future__ import annotations

from collections.abc import Sequence

from lightune.records import Curve, StudyResult
from lightune.report import format as show
from lightune.report.document import Block, Bullets, Cell, Column, Figure, Paragraph, Section, Table
from lightune.report.escape import capital, sentence, short
from lightune.report.pictures.cast import cast_of
from lightune.report.pictures.curves import learning_curves
from lightune.report.vocabulary import arm_cell, arm_words, interval

# A gain in accuracy that is written as 0.0 points.
_NOTHING = 0.0005


def curves_section(result: StudyResult) -> Section | None:
    """What doubling the labels would bring, in words; the curves; their numbers."""
    curves = [curve for curve in result.findings.curves if curve.points]
    if not curves:
        return None
    cast = cast_of(result)
    blocks: list[Block] = [
        *(Paragraph(f"{short(curve.arm)}: {sentence(each, 2000)}", "bad") for curve in curves for each in curve.failed),
        Bullets(tuple(_told(curve) for curve in curves)),
        Figure(
            "learning",
            "Accuracy on the test rows by training rows, on a logarithmic scale. Rings: each seed; dots: their mean; "
            "line: the fitted curve; at its end, hollow, twice the rows, with a 95 % interval.",
            lambda name, width: learning_curves(curves, cast, name, width),
        ),
        _points(curves),
        _laws(curves),
    ]
    return Section(
        anchor="curves",
        title="Is more data worth it?",
        read="A curve that still climbs at its end says that more labels would help. What it says of twice the rows "
        "is a forecast: it holds if the new rows are like the old ones.",
        computed="Growing stratified subsets of train, each within the next. Validation shrinks with train, at about "
        "the same share, so that every arm's labels cost alike. Accuracy = ceiling − gap × rows to the "
        "power of −rate, by least squares; 95 % bootstrap interval.",
        blocks=tuple(blocks),
    )


def _told(curve: Curve) -> str:
    name, last = arm_words(curve.arm).long, curve.points[-1].train_size
    if curve.doubling is None or not show.defined(curve.doubling.value):
        reason = sentence(curve.reason or "No curve could be fitted", 300)
        return f"{capital(name)}: nothing can be said of more rows. {reason}"
    ends = interval(curve.doubling, show.points)
    told = (
        f"Twice the labels, {show.count(2 * last)} for {show.count(last)}, would change what {name} labels right by "
        f"about {show.points(curve.doubling.value)} points (95{show.SPACE}% interval {ends})"
    )
    return told + ("." if curve.doubling.low >= _NOTHING else "; that may be nothing.")


def _points(curves: Sequence[Curve]) -> Table:
    sizes = sorted({point.train_size for curve in curves for point in curve.points})
    rows = []
    for curve in curves:
        found = {point.train_size: point.accuracy for point in curve.points}
        rows.append((arm_cell(curve.arm), *(_accuracies(found.get(size, ())) for size in sizes)))
    columns = (Column("Arm", numeric=False), *(Column(f"{show.count(size)} rows") for size in sizes))
    return Table("Accuracy by training rows, each seed", columns, tuple(rows))


def _accuracies(values: Sequence[float]) -> Cell:
    if not values:
        return Cell(show.DASH, why="not trained on so many")
    return Cell(", ".join(show.bare_percent(value) for value in values) + f"{show.SPACE}%")


def _laws(curves: Sequence[Curve]) -> Table:
    columns = (
        Column("Arm", numeric=False),
        Column("Ceiling", why="what endless rows would give, if the curve held that far"),
        Column("Gap"),
        Column("Rate"),
        Column("Twice the rows", why="change in accuracy, in points"),
    )
    rows = tuple(
        (
            arm_cell(curve.arm),
            Cell(show.percent(curve.fitted.get("ceiling"))),
            Cell(show.decimal(curve.fitted.get("gap"), 2)),
            Cell(show.decimal(curve.fitted.get("rate"), 2)),
            _doubling(curve),
        )
        for curve in curves
    )
    return Table("The fitted curves", columns, rows)


def _doubling(curve: Curve) -> Cell:
    if curve.doubling is None or not show.defined(curve.doubling.value):
        return Cell(show.DASH, why="no curve could be fitted")
    return Cell(show.points(curve.doubling.value), aside=interval(curve.doubling, show.points))
