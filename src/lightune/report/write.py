"""Put the report into a study's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lightune.records import StudyResult
from lightune.report.render import render_html, render_markdown
from lightune.whole import write_whole


def write_report(result: StudyResult, texts: Mapping[str, str], folder: Path) -> None:
    """Write `report.html` and `report.md` into `folder`, which is made if it is absent.

    texts: row_id -> text of the test rows; empty when a study keeps no texts, and the report then says so.
    Both are rendered before either is written, and each takes its place in one step: a reader never sees half of one.
    """
    pages = {
        "report.html": render_html(result, texts),
        "report.md": render_markdown(result, texts),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in pages.items():
        write_whole(folder / name, page)
