"""`lightune verify`: a saved arm certified on real rows, line by line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from lightune.config import DataConfig

if TYPE_CHECKING:
    from lightune.records import Certificate


def verify(
    folder: Annotated[Path, Argument(metavar="DIR", help="A study's folder, or an arm's.")],
    arm: Annotated[str | None, Option(help="Which arm of the study; `lora` without it.")] = None,
    data: Annotated[str | None, Option(help="Texts to check it on; the study's own test rows without it.")] = None,
    text_column: Annotated[str | None, Option(help="Found without it.")] = None,
    label_column: Annotated[str | None, Option(help="Found without it.")] = None,
    as_json: Annotated[bool, Option("--json", help="The certificate as one line of JSON.")] = False,
) -> int:
    """Check what a study made in every way that is known to go wrong, and write certificate.json beside it."""
    from rich.progress import Progress

    from lightune.certification import verify as certify
    from lightune.cli.output import console, print_json, progress_console
    from lightune.records import to_json

    shown = progress_console()
    asked = DataConfig(data, text_column, label_column) if data is not None else None
    with Progress(console=shown, transient=True, disable=not shown.is_terminal) as bars:
        task = bars.add_task("checking", total=None)
        path, certificate = certify(
            folder, arm, asked, lambda done, total: bars.update(task, completed=done, total=total)
        )
    if as_json:
        print_json(to_json(certificate))
    else:
        console().print(_table(certificate))
        said = "passes" if certificate.passed else f"FAILS {len(certificate.failed)} of its checks"
        console().print(f"{path} {said}: {path / 'certificate.json'}", markup=False, soft_wrap=True)
    return 0 if certificate.passed else 1


def _table(certificate: Certificate) -> object:
    from rich.table import Table
    from rich.text import Text

    from lightune.records import FAIL, PASS

    looks = {PASS: ("pass", "green"), FAIL: ("FAIL", "bold red")}
    title = f"{certificate.arm or 'stock artefact'}: {certificate.rows} texts, {certificate.cut_rows} of them cut"
    table = Table(title=Text(title), title_justify="left", pad_edge=False)
    table.add_column("check", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("largest", justify="right", no_wrap=True)
    table.add_column("allowed", justify="right", no_wrap=True)
    table.add_column("what was compared, or why not", ratio=1)
    for check in certificate.checks:
        mark, style = looks.get(check.outcome, ("n/a", "dim"))
        words = check.reason if check.outcome != PASS else check.compared
        numbers = (_number(check.difference), _number(check.tolerance))
        table.add_row(Text(check.name), Text(mark, style), *map(Text, numbers), Text(words or ""))
    return table


def _number(value: float | None) -> str:
    return "" if value is None else "0" if value == 0 else f"{value:.1e}"
