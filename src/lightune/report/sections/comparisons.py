"""Arms side by side on the same rows: differences, and the rows that make them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from lightune.evaluation import decided
from lightune.records import Comparison, StudyResult, TellingRow
from lightune.report import format as show
from lightune.report.document import Answer, Block, Cell, Column, Group, Paragraph, Quote, Section, Table
from lightune.report.escape import short
from lightune.report.quoting import LABEL_ONLY, WITHOUT_TEXTS, open_and_folded, quote
from lightune.report.vocabulary import points_cell, power_sentence, rows_in_words

# All telling rows of a report together: what keeps it far below 3 MB with however many arms.
_MOST_QUOTES = 400
_MCNEMAR = (
    Column("Exact p", why="of this pair alone"),
    Column("Mid-p", why="less cautious than the exact one, of this pair alone"),
)
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


def _computed(result: StudyResult) -> str:
    if result.cross_validation is not None:
        return (
            "Differences and p: the corrected resampled t-test over the folds (Nadeau and Bengio 2003), 95 % "
            "intervals; they speak of other rows and of other trainings. Holm: p corrected for all pairs. Rows that "
            "one or both have right, and the telling rows, are of the first repeat."
        )
    return (
        "Differences: paired bootstrap over the test rows, 95 %. p: McNemar's exact test, two-sided, on the rows that "
        "only one of the two has right; the mid-p beside it is less cautious (Fagerland and others 2013). Holm: p "
        "corrected for all pairs of the same seed. One run of each arm: other trainings may differ."
    )


def _tables(result: StudyResult, first: int) -> list[Block]:
    """The pairs of the first seed, those that the verdict is about open; the other seeds folded away."""
    pairs = [each for each in result.comparisons if each.seed == first]
    others = [each for each in result.comparisons if each.seed != first]
    subject, folds = result.verdict.subject, result.cross_validation is not None
    rows = rows_in_words(max(each.rows for each in result.comparisons))
    told = f"Differences on {rows}, first minus second, in percentage points with 95 % intervals"
    if len(pairs) > _MOST_OPEN and any(subject in (each.a, each.b) for each in pairs):
        telling = [each for each in pairs if subject in (each.a, each.b)]
        rest = [each for each in pairs if subject not in (each.a, each.b)]
        blocks: list[Block] = [_table(telling, told, folds)]
        blocks.append(Group(f"The other {len(rest)} pairs", (_table(rest, told, folds),), folded=True))
    else:
        blocks = [_table(pairs, told, folds)]
    if others:
        table = _table(others, told, folds, seeds=True)
        blocks.append(Group("The same pairs with other seeds", (table,), folded=True))
    return blocks


def _table(comparisons: Sequence[Comparison], caption: str, folds: bool, seeds: bool = False) -> Table:
    """folds: whether the study is a cross-validation, which has another test."""
    these, when = ("folds", "of the first repeat") if folds else ("rows", "")
    ps = (Column("p", why="corrected resampled t-test, of this pair alone"),) if folds else _MCNEMAR
    columns = (
        Column("First against second", numeric=False),
        Column("Accuracy", why="first minus second, in percentage points"),
        Column("F1", why="first minus second, in percentage points"),
        Column("Verdict", numeric=False),
        Column("p after Holm", why="corrected for all pairs; below 0.05 is a real difference"),
        *ps,
        Column("Detectable gap", why=f"the smallest difference that these {these} find at 80 % power, in points"),
        *(Column(title, why=when) for title in ("Only first right", "Only second right", "Both right", "Both wrong")),
        *((Column("Seed"),) if seeds else ()),
    )
    return Table(caption, columns, tuple(_row(each, folds, seeds) for each in comparisons))


def _row(each: Comparison, folds: bool, seeds: bool) -> tuple[Cell, ...]:
    ps = (each.p_holm, each.p_value) if folds else (each.p_holm, each.p_value, each.p_mid)
    return (
        Cell(f"{short(each.a)} against {short(each.b)}"),
        points_cell(each.delta_accuracy),
        points_cell(each.delta_f1),
        Cell(_verdict(each)),
        *(Cell(show.p_value(p)) for p in ps),
        Cell(show.bare_percent(each.detectable)),
        *(Cell(show.count(n)) for n in (each.wins, each.losses, each.both_right, each.both_wrong)),
        *((Cell(str(each.seed)),) if seeds else ()),
    )


def _verdict(comparison: Comparison) -> str:
    better = decided(comparison)
    if not better:
        return "cannot be told apart"
    return f"{short(comparison.a if better > 0 else comparison.b)} is better"


def _power(result: StudyResult) -> list[Block]:
    gaps = [each.detectable for each in result.comparisons if show.defined(each.detectable)]
    if not gaps:
        return []
    rows = max(each.rows for each in result.comparisons)
    wider = "The more rows two arms disagree on, the wider it must be."
    if result.cross_validation is not None:
        wider = "The more a difference varies from fold to fold, the wider it must be."
    return [Paragraph(f"{power_sentence(rows, gaps)} {wider}")]


def _telling(result: StudyResult, pairs: Sequence[Comparison], texts: Mapping[str, str], each_way: int) -> list[Block]:
    """The telling rows of the verdict's pair, or of the first one; those of the others folded away."""
    about = {result.verdict.subject, result.verdict.rival}
    bare = {arm.name for arm in result.arms if arm.labels_only}
    first = next((each for each in pairs if {each.a, each.b} == about), pairs[0] if pairs else None)
    others = tuple(_rows(each, texts, each_way, bare, True) for each in pairs if each is not first)
    blocks: list[Block] = [_rows(first, texts, each_way, bare, False)] if first is not None else []
    if others:
        blocks.append(Group(f"Telling rows of the other {len(others)} pairs", others, folded=True))
    return blocks


def _rows(
    comparison: Comparison, texts: Mapping[str, str], each_way: int, bare: Collection[str], folded: bool
) -> Group:
    """bare: names of arms that give labels without probabilities."""
    blocks: list[Block] = []
    for arm, rows, total in (
        (comparison.a, comparison.won, comparison.wins),
        (comparison.b, comparison.lost, comparison.losses),
    ):
        shown = rows[:each_way]
        told = f": {len(shown)} of {show.count(total)}, widest gap first" if shown else ": none"
        quotes = tuple(_quote(comparison, row, texts, bare) for row in shown)
        blocks.append(Group(f"Only {short(arm)} is right{told}", open_and_folded(quotes), level=4))
    return Group(f"Telling rows: {short(comparison.a)} against {short(comparison.b)}", tuple(blocks), folded=folded)


def _quote(comparison: Comparison, row: TellingRow, texts: Mapping[str, str], bare: Collection[str]) -> Quote:
    answers = tuple(
        Answer(short(arm), short(label), LABEL_ONLY if arm in bare else _sure(probability), label == row.label)
        for arm, label, probability in (
            (comparison.a, row.predicted_a, row.probability_a),
            (comparison.b, row.predicted_b, row.probability_b),
        )
    )
    return quote(texts, row.row_id, row.label, answers)


def _sure(probability: float) -> str:
    """What an arm gave the true label; nothing where it is not known."""
    return f"{show.percent(probability)} on the true label" if show.defined(probability) else ""
