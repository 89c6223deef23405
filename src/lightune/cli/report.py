"""`lightune report`: the report made again from what a study saved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument


def report(folder: Annotated[Path, Argument(metavar="DIR", help="A study's folder.")]) -> None:
    """Write report.html and report.md again from results.json and the kept texts."""
    from lightune.cli.output import console
    from lightune.data import load_rows
    from lightune.report import load_result, write_report

    result = load_result(folder)
    kept = folder / "data" / "test.parquet"
    texts = {}
    if kept.exists():
        rows = load_rows(kept)
        texts = dict(zip(rows.row_ids, rows.texts, strict=True))
    write_report(result, texts, folder)
    console().print(f"report: {folder / 'report.html'}", markup=False, soft_wrap=True)
