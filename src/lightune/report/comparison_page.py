"""Two studies side by side, in words and as a page."""

from __future__ import annotations

from collections.abc import Iterator

from lightune.records import Metric, SharedPair, SharedScore, SideBySide
from lightune.report import format as show
from lightune.report.document import Bullets, Cell, Column, Document, Headline, Paragraph, Section, Table
from lightune.report.escape import short
from lightune.report.render import document_html, document_markdown
from lightune.report.vocabulary import arm_words, interval

TAGS = {"A": "A is better", "B": "B is better", "": "Cannot be told apart"}


def render_comparison(side: SideBySide, markdown: bool = False) -> str:
    """One page, HTML that opens offline or GitHub-flavoured Markdown. The same input gives the same bytes."""
    document = comparison_document(side)
    return document_markdown(document) if markdown else document_html(document)


def comparison_document(side: SideBySide) -> Document:
    """The page's blocks."""
    more = tuple(Paragraph(line) for line in side.notes)
    headline = Headline(TAGS[side.best.better], "", (best_sentence(side), rows_sentence(side)), more)
    same = side.a.name == side.b.name
    name = f"{side.a.name}, A beside B" if same else f"{side.a.name} (A) beside {side.b.name} (B)"
    sections = (_studies(side), _arms(side), _pairs(side))
    return Document(name, headline, (), sections, "Made by lightune from what both studies saved.")


def rows_sentence(side: SideBySide) -> str:
    """How many rows the two have, share, and disagree on."""
    a, b = side.a.rows, side.b.rows
    if a == b == side.in_both:
        start = f"A and B have the same {show.count(a)} test rows."
    else:
        start = f"A has {show.count(a)} test rows and B {show.count(b)}; both have {show.count(side.in_both)} of them."
    if not side.other_truths:
        return start
    rows = "row has" if side.other_truths == 1 else "rows have"
    left_out = "it is" if side.other_truths == 1 else "they are"
    return f"{start} {show.count(side.other_truths)} {rows} another true label in B, so {left_out} left out."


def best_sentence(side: SideBySide) -> str:
    """Whether the best of one is better than the best of the other."""
    one = side.best.comparison
    best_a = f"the best of A ({arm_words(one.a).long}, {_accuracy(side, 'A', one.a)})"
    best_b = f"the best of B ({arm_words(one.b).long}, {_accuracy(side, 'B', one.b)})"
    what = {
        "A": f"{best_a} is better than {best_b}",
        "B": f"{best_b} is better than {best_a}",
        "": f"{best_a} and {best_b} cannot be told apart",
    }[side.best.better]
    return (
        f"On {show.count(side.rows)} rows {what}: A minus B is {show.points(one.delta_accuracy.value)} points (95"
        f"{show.SPACE}% interval {interval(one.delta_accuracy, show.points)}; McNemar {show.p_phrase(one.p_value)})."
    )


def left_out_sentences(side: SideBySide) -> Iterator[str]:
    """Arms that take no part, and why; rows whose truths differ."""
    for name, study in (("A", side.a), ("B", side.b)):
        for arm, why in study.left_out.items():
            yield f"The arm {short(arm)} of {name} is left out: {short(why, 200).rstrip('.')}."
    for row in side.shown:
        yield f"Row {short(row.row_id)} is left out: {short(row.a)} in A, {short(row.b)} in B."
    if side.other_truths > len(side.shown):
        yield f"So are {show.count(side.other_truths - len(side.shown))} more rows."


def in_order(side: SideBySide) -> list[SharedScore]:
    """The scores with an arm of A next to the same arm of B."""
    names = list(dict.fromkeys(one.arm for one in side.scores))
    return sorted(side.scores, key=lambda one: names.index(one.arm))


def _accuracy(side: SideBySide, study: str, arm: str) -> str:
    return show.percent(next(one.accuracy.value for one in side.scores if (one.study, one.arm) == (study, arm)))


def _studies(side: SideBySide) -> Section:
    rows = (
        ("folder", side.a.folder, side.b.folder),
        ("test rows", show.count(side.a.rows), show.count(side.b.rows)),
        *((one.what, one.a, one.b) for one in side.differences),
    )
    columns = (Column("", numeric=False), Column("A", numeric=False), Column("B", numeric=False))
    table = Table("What differs", columns, tuple(tuple(Cell(value) for value in row) for row in rows))
    left_out = tuple(left_out_sentences(side))
    return Section(
        "studies",
        "The two studies",
        "Model, cut of long texts, data and labels are the same in both where this table does not name them; how each "
        "arm was trained stands in each study's config.yaml.",
        "From both studies' results.json; test rows are joined by row id, a hash of the text.",
        (table, *((Bullets(left_out),) if left_out else ())),
    )


def _arms(side: SideBySide) -> Section:
    columns = (
        Column("Arm", numeric=False),
        Column("Study", numeric=False),
        Column("Accuracy", why="share of rows labelled right"),
        Column("F1", why=f1_of(side)),
        Column("Training rows"),
        Column("Seed"),
    )
    rows = tuple(
        (
            Cell(short(one.arm)),
            Cell(one.study),
            _cell(one.accuracy),
            _cell(one.f1),
            Cell(show.count(one.train_size)),
            Cell(str(one.seed)),
        )
        for one in in_order(side)
    )
    return Section(
        "arms",
        "Each arm on the shared rows",
        "Intervals speak of other test rows, not of other trainings.",
        f"Accuracy with Wilson's interval, F1 with the percentile bootstrap over rows, both of 95{show.SPACE}%. F1 is "
        f"{f1_of(side)}. Of each arm the run on the most training rows with the lowest seed.",
        (Table(f"Each arm on {show.count(side.rows)} rows", columns, rows),),
    )


def _pairs(side: SideBySide) -> Section:
    columns = (
        Column("A against B", numeric=False),
        Column("Accuracy, points"),
        Column("F1, points"),
        Column("Only A right"),
        Column("Only B right"),
        Column("McNemar p"),
        Column("after Holm", why="p corrected over the arms that both studies have"),
        Column("Better", numeric=False),
    )
    best = side.best.comparison
    named = [
        *((short(pair.comparison.a), pair) for pair in side.pairs),
        (f"best: {short(best.a)} against {short(best.b)}", side.best),
    ]
    rows = tuple((Cell(name), *_pair_cells(pair)) for name, pair in named)
    return Section(
        "pairs",
        "A against B on the same rows",
        "Differences are A minus B: above 0 A is right more often. One is called better where the interval leaves 0 "
        "out and p (after Holm's correction, where there is one) is below 0.05.",
        "Paired bootstrap over rows; McNemar's exact test; Holm's correction over the arms that both have.",
        (Table(f"A minus B on {show.count(side.rows)} rows", columns, rows),),
    )


def _pair_cells(pair: SharedPair) -> tuple[Cell, ...]:
    one = pair.comparison
    return (
        Cell(show.points(one.delta_accuracy.value), aside=interval(one.delta_accuracy, show.points)),
        Cell(show.points(one.delta_f1.value), aside=interval(one.delta_f1, show.points)),
        Cell(show.count(one.wins)),
        Cell(show.count(one.losses)),
        Cell(show.p_value(one.p_value)),
        Cell(show.p_value(one.p_holm)),
        Cell(pair.better or "cannot be told"),
    )


def _cell(metric: Metric) -> Cell:
    return Cell(show.percent(metric.value), aside=interval(metric, show.bare_percent))


def f1_of(side: SideBySide) -> str:
    """What F1 is of, in words."""
    if len(side.label_names) != 2:
        return "the mean over all labels"
    return f'that of the label "{short(side.positive_label or side.label_names[1])}"'
