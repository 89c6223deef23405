"""Arms side by side on the same rows: differences, and the rows that make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lightune.records import Comparison, StudyResult, TellingRow
from lightune.report import format as show
from lightune.report.document import (
    Answer,
    Block,
    Cell,
    Column,
    Group,
    Paragraph,
    Quote,
    Quotes,
    Section,
    Table,
)
from lightune.report.escape import excerpt, short
from lightune.report.headline import LOSS, WIN, outcome
from lightune.report.vocabulary import interval

# All telling rows of a report together: what keeps it far below 3 MB with however many arms.
_MOST_QUOTES = 1000
# Those that stand open on the page, each way; the rest is folded away.
_OPEN = 3


def comparisons_section(result: StudyResult, texts: Mapping[str, str]) -> Section | None:
    """The table of differences, then the most telling rows of each comparison."""
    if not result.comparisons:
        return None
    each_way = max(1, min(10, _MOST_QUOTES // (2 * len(result.comparisons))))
    blocks: list[Block] = [_table(result.comparisons)]
    if not texts and any(each.won or each.lost for each in result.comparisons):
        blocks.append(Paragraph("This study was kept without its texts (--no-texts): rows go by their row id below."))
    folded = len(result.comparisons) > 1
    blocks += [_rows(each, texts, each_way, folded) for each in result.comparisons if each.won or each.lost]
    return Section(
        anchor="comparisons",
        title="Comparisons",
        read="A difference is real when its interval leaves 0 out and p is below 0.05; otherwise this test set cannot "
        "tell the two apart. That is not the same as their being equal.",
        computed="Differences: paired bootstrap over the test rows, 95 %. p: McNemar's exact test, two-sided, on "
        "the rows that only one of the two has right, not corrected for the number of comparisons. "
        "One run of each arm: other trainings may differ.",
        blocks=tuple(blocks),
    )


def _table(comparisons: Sequence[Comparison]) -> Table:
    seeds = len({each.seed for each in comparisons}) > 1
    columns = (
        Column("First against second", numeric=False),
        Column("Accuracy", why="first minus second, in percentage points"),
        Column("F1", why="first minus second, in percentage points"),
        Column("McNemar p"),
        Column("Verdict", numeric=False),
        Column("Only first right"),
        Column("Only second right"),
        Column("Both right"),
        Column("Both wrong"),
        Column("Rows"),
        *((Column("Seed"),) if seeds else ()),
    )
    return Table(
        "Differences, first minus second, in percentage points with 95 % intervals",
        columns,
        tuple(
            (
                Cell(f"{short(each.a)} against {short(each.b)}"),
                Cell(show.points(each.delta_accuracy.value), aside=interval(each.delta_accuracy, show.points)),
                Cell(show.points(each.delta_f1.value), aside=interval(each.delta_f1, show.points)),
                Cell(show.p_value(each.p_value)),
                Cell(_verdict(each)),
                *(
                    Cell(show.count(number))
                    for number in (each.wins, each.losses, each.both_right, each.both_wrong, each.rows)
                ),
                *((Cell(str(each.seed)),) if seeds else ()),
            )
            for each in comparisons
        ),
    )


def _verdict(comparison: Comparison) -> str:
    verdict = outcome(comparison)
    if verdict == WIN:
        return f"{short(comparison.a)} is better"
    if verdict == LOSS:
        return f"{short(comparison.b)} is better"
    return "cannot be told apart"


def _rows(comparison: Comparison, texts: Mapping[str, str], each_way: int, folded: bool) -> Group:
    blocks: list[Block] = []
    for arm, rows, total in (
        (comparison.a, comparison.won, comparison.wins),
        (comparison.b, comparison.lost, comparison.losses),
    ):
        shown = rows[:each_way]
        told = f": {len(shown)} of {show.count(total)}, widest gap first" if shown else ": none"
        quotes = tuple(_quote(comparison, row, texts) for row in shown)
        blocks.append(Group(f"Only {short(arm)} is right{told}", _open_and_folded(quotes), level=4))
    seed = f" (seed {comparison.seed})" if folded else ""
    title = f"Telling rows: {short(comparison.a)} against {short(comparison.b)}{seed}"
    return Group(title, tuple(blocks), folded=folded)


def _open_and_folded(quotes: tuple[Quote, ...]) -> tuple[Block, ...]:
    first, rest = quotes[:_OPEN], quotes[_OPEN:]
    blocks: list[Block] = [Quotes(first)] if first else []
    if rest:
        blocks.append(Group(f"{len(rest)} more", (Quotes(rest),), level=4, folded=True))
    return tuple(blocks)


def _quote(comparison: Comparison, row: TellingRow, texts: Mapping[str, str]) -> Quote:
    answers = tuple(
        Answer(short(arm), short(label), show.percent(probability), label == row.label)
        for arm, label, probability in (
            (comparison.a, row.predicted_a, row.probability_a),
            (comparison.b, row.predicted_b, row.probability_b),
        )
    )
    text = texts.get(row.row_id)
    if text is None:
        return Quote(None, f"text not kept, row {short(row.row_id)}", short(row.label), answers)
    shown, cut = excerpt(text)
    return Quote(shown or "(an empty text)", cut, short(row.label), answers)
