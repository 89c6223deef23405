"""`lightune compare`: two studies on the rows that both tested."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from lightune.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from lightune.records import Metric, SideBySide

PAGES = (".html", ".md")


def compare(
    a: Annotated[Path, Argument(metavar="DIR_A", help="A study's folder.")],
    b: Annotated[Path, Argument(metavar="DIR_B", help="Another study's folder.")],
    out: Annotated[Path | None, Option(help="Writes a page too: FILE.html or FILE.md.")] = None,
    as_json: Annotated[bool, Option("--json", help="As one line of JSON.")] = False,
) -> None:
    """Put two studies side by side on the test rows that both have."""
    if out is not None:
        _check_page(out)
    from lightune.cli.output import console, print_json
    from lightune.records import to_json
    from lightune.study import side_by_side

    found = side_by_side(a, b)
    if out is not None:
        from lightune.report.comparison_page import render_comparison
        from lightune.whole import write_whole

        write_whole(out, render_comparison(found, markdown=out.suffix.lower() == ".md"))
    if as_json:
        print_json(to_json(found))
        return
    _show(found, console())
    if out is not None:
        console().print(f"page: {out}", markup=False, soft_wrap=True)


def _check_page(path: Path) -> None:
    if path.suffix.lower() not in PAGES:
        raise ConfigError(f"--out {path}: a file that ends in {' or '.join(PAGES)} is expected.")
    if path.is_dir():
        raise ConfigError(f"--out {path}: a file is expected, but it is a folder.")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"--out {path}: the folder {path.parent} does not exist; make it first.")


def _show(found: SideBySide, target: Console) -> None:
    from rich.text import Text

    from lightune.report.comparison_page import best_sentence, left_out_sentences, rows_sentence

    for name, study in (("A", found.a), ("B", found.b)):
        target.print(Text(f"{name}  {study.folder}: {study.name}"))
    lines = ["", rows_sentence(found), *left_out_sentences(found), best_sentence(found), *found.notes, ""]
    for line in lines:
        target.print(Text(line))
    if found.differences:
        target.print(_differences(found))
    target.print(_arms(found))
    target.print(_pairs(found))


def _differences(found: SideBySide) -> Table:
    from rich.text import Text

    table = _table("What differs")
    table.add_column("")
    table.add_column("A", ratio=1, overflow="fold")
    table.add_column("B", ratio=1, overflow="fold")
    for one in found.differences:
        table.add_row(Text(one.what), Text(one.a), Text(one.b))
    return table


def _arms(found: SideBySide) -> Table:
    from rich.text import Text

    from lightune.report.comparison_page import in_order

    table = _table(f"Each arm on {found.rows:,} rows, in percent, with 95 % intervals")
    table.add_column("arm", overflow="fold")
    table.add_column("study")
    for name in ("accuracy", "F1", "train rows", "seed"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in in_order(found):
        table.add_row(
            Text(one.arm), one.study, _percent(one.accuracy), _percent(one.f1), f"{one.train_size:,}", str(one.seed)
        )
    return table


def _pairs(found: SideBySide) -> Table:
    from rich.text import Text

    from lightune.report import format as show

    table = _table("Accuracy and F1, A minus B in percentage points, with 95 % intervals")
    table.add_column("arm", overflow="fold")
    table.add_column("accuracy\n(below it F1)", justify="right", no_wrap=True)
    for name in ("only A\nright", "only B\nright", "McNemar\np", "p after\nHolm"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, pair in (*((pair.comparison.a, pair) for pair in found.pairs), ("best", found.best)):
        one = pair.comparison
        ps = [show.p_value(value).replace(show.SPACE, " ") for value in (one.p_value, one.p_holm)]
        table.add_row(Text(name), _points(one.delta_accuracy), f"{one.wins:,}", f"{one.losses:,}", *ps)
        table.add_row("  F1", _points(one.delta_f1), *[""] * 4)
    return table


def _table(title: str) -> Table:
    from rich.box import SIMPLE
    from rich.table import Table

    return Table(title=title, title_justify="left", pad_edge=False, box=SIMPLE)


def _percent(metric: Metric) -> str:
    return f"{100 * metric.value:.1f} ({100 * metric.low:.1f}-{100 * metric.high:.1f})"


def _points(metric: Metric) -> str:
    return f"{100 * metric.value:+.1f} ({100 * metric.low:+.1f} to {100 * metric.high:+.1f})"
