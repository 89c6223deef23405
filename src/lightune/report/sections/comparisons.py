"""Arms side by side on the same rows: differences, and the rows that make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lightune.records import Comparison, StudyResult, TellingRow
from lightune.report import format as show
from lightune.report.document import Answer, Block, Cell, Column, Group, Paragraph, Quote, Section, Table
from lightune.report.escape import short
from lightune.report.quoting import WITHOUT_TEXTS, open_and_folded, quote
from lightune.report.vocabulary import points_cell, power_sentence, rows_in_words

LEVEL = 0.05
WIN, LOSS, TIE = "win", "loss", "tie"
# All telling rows of a report together: what keeps it far below 3 MB with however many arms.
_MOST_QUOTES = 400
# Tables of more rows than this show the pairs of the verdict's two arms first and fold the others away.
_MOST_OPEN = 12


def comparisons_section(result: StudyResult, texts: Mapping[str, str]) -> Section | None:
    """The table of differences, then the most telling rows of each comparison."""
    if not result.comparisons:
        return None
    first = min(each.seed for each in result.comparisons)
    pairs = [each for each in result.comparisons if each.seed == first]
    telling = [each for each in pairs if each.won or each.lost]
    each_way = max(1, min(10, _MOST_QUOTES // (2 * len(telling) or 1)))
    blocks: list[Block] = [*_tables(result, first), *_power(result)]
    if not texts and telling:
        blocks.append(WITHOUT_TEXTS)
    blocks += _telling(result, telling, texts, each_way)
    return Section(
        anchor="comparisons",
        title="Comparisons",
        read="A difference is real when its interval leaves 0 out and p is below 0.05 after Holm's correction; "
        "otherwise these test rows cannot tell the two apart. That is not the same as their being equal.",
        computed=_computed(result),
        blocks=tuple(blocks),
    )


def outcome(comparison: Comparison) -> str:
    """Whether `a` is better (win), worse (loss) or cannot be told from `b` on this test set (tie).

    A difference counts only when its interval leaves 0 out and p, after Holm's correction where it was made, is below
    0.05: on a handful of rows a bootstrap interval can shrink to a point, and the test is what notices.
    """
    delta = comparison.delta_accuracy
    p = comparison.p_holm if show.defined(comparison.p_holm) else comparison.p_value
    if not p < LEVEL:
        return TIE
    if delta.low > 0:
        return WIN
    return LOSS if delta.high < 0 else TIE


def _computed(result: StudyResult) -> str:
    test = (
        "Differences and p: the corrected resampled t-test over the folds (Nadeau and Bengio 2003), 95 % intervals. "
        if result.cross_validation is not None
        else "Differences: paired bootstrap over the test rows, 95 %. p: McNemar's exact test, two-sided, on the rows "
        "that only one of the two has right; the mid-p beside it is less cautious (Fagerland and others 2013). "
    )
    return f"{test}Holm: p corrected for all pairs of the same seed. One run of each arm: other trainings may differ."


def _tables(result: StudyResult, first: int) -> list[Block]:
    """The pairs of the first seed, those that the verdict is about open; the other seeds folded away."""
    pairs = [each for each in result.comparisons if each.seed == first]
    others = [each for each in result.comparisons if each.seed != first]
    subject = result.verdict.subject
    rows = rows_in_words(max(each.rows for each in result.comparisons))
    told = f"Differences on {rows}, first minus second, in percentage points with 95 % intervals"
    if len(pairs) > _MOST_OPEN and any(subject in (each.a, each.b) for each in pairs):
        telling = [each for each in pairs if subject in (each.a, each.b)]
        rest = [each for each in pairs if subject not in (each.a, each.b)]
        blocks: list[Block] = [_table(telling, told)]
        blocks.append(Group(f"The other {len(rest)} pairs", (_table(rest, told),), folded=True))
    else:
        blocks = [_table(pairs, told)]
    if others:
        blocks.append(Group("The same pairs with other seeds", (_table(others, told, True),), folded=True))
    return blocks


def _table(comparisons: Sequence[Comparison], caption: str, seeds: bool = False) -> Table:
    columns = (
        Column("First against second", numeric=False),
        Column("Accuracy", why="first minus second, in percentage points"),
        Column("F1", why="first minus second, in percentage points"),
        Column("Verdict", numeric=False),
        Column("p after Holm", why="corrected for all pairs; below 0.05 is a real difference"),
        Column("Exact p", why="of this pair alone"),
        Column("Mid-p", why="less cautious than the exact one, of this pair alone"),
        Column("Detectable gap", why="the smallest difference that these rows find at 80 % power, in points"),
        Column("Only first right"),
        Column("Only second right"),
        Column("Both right"),
        Column("Both wrong"),
        *((Column("Seed"),) if seeds else ()),
    )
    return Table(caption, columns, tuple(_row(each, seeds) for each in comparisons))


def _row(each: Comparison, seeds: bool) -> tuple[Cell, ...]:
    return (
        Cell(f"{short(each.a)} against {short(each.b)}"),
        points_cell(each.delta_accuracy),
        points_cell(each.delta_f1),
        Cell(_verdict(each)),
        *(Cell(show.p_value(p)) for p in (each.p_holm, each.p_value, each.p_mid)),
        Cell(show.bare_percent(each.detectable)),
        *(Cell(show.count(n)) for n in (each.wins, each.losses, each.both_right, each.both_wrong)),
        *((Cell(str(each.seed)),) if seeds else ()),
    )


def _verdict(comparison: Comparison) -> str:
    verdict = outcome(comparison)
    if verdict == WIN:
        return f"{short(comparison.a)} is better"
    if verdict == LOSS:
        return f"{short(comparison.b)} is better"
    return "cannot be told apart"


def _power(result: StudyResult) -> list[Block]:
    gaps = [each.detectable for each in result.comparisons if show.defined(each.detectable)]
    if not gaps:
        return []
    rows = max(each.rows for each in result.comparisons)
    return [Paragraph(f"{power_sentence(rows, gaps)} The more rows two arms disagree on, the wider it must be.")]


def _telling(result: StudyResult, pairs: Sequence[Comparison], texts: Mapping[str, str], each_way: int) -> list[Block]:
    """The telling rows of the verdict's pair, or of the first one; those of the others folded away."""
    about = {result.verdict.subject, result.verdict.rival}
    first = next((each for each in pairs if {each.a, each.b} == about), pairs[0] if pairs else None)
    others = tuple(_rows(each, texts, each_way, True) for each in pairs if each is not first)
    blocks: list[Block] = [_rows(first, texts, each_way, False)] if first is not None else []
    if others:
        blocks.append(Group(f"Telling rows of the other {len(others)} pairs", others, folded=True))
    return blocks


def _rows(comparison: Comparison, texts: Mapping[str, str], each_way: int, folded: bool) -> Group:
    blocks: list[Block] = []
    for arm, rows, total in (
        (comparison.a, comparison.won, comparison.wins),
        (comparison.b, comparison.lost, comparison.losses),
    ):
        shown = rows[:each_way]
        told = f": {len(shown)} of {show.count(total)}, widest gap first" if shown else ": none"
        quotes = tuple(_quote(comparison, row, texts) for row in shown)
        blocks.append(Group(f"Only {short(arm)} is right{told}", open_and_folded(quotes), level=4))
    return Group(f"Telling rows: {short(comparison.a)} against {short(comparison.b)}", tuple(blocks), folded=folded)


def _quote(comparison: Comparison, row: TellingRow, texts: Mapping[str, str]) -> Quote:
    answers = tuple(
        Answer(short(arm), short(label), _sure(probability), label == row.label)
        for arm, label, probability in (
            (comparison.a, row.predicted_a, row.probability_a),
            (comparison.b, row.predicted_b, row.probability_b),
        )
    )
    return quote(texts, row.row_id, row.label, answers)


def _sure(probability: float) -> str:
    """What an arm gave the true label; nothing of one that gives labels only."""
    return f"{show.percent(probability)} on the true label" if show.defined(probability) else ""
