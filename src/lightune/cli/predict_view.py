"""How answers for a few texts look in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

SHOWN = 60
TITLES = {"": "answer", "baseline": "pre-trained"}


def answers_table(texts: Sequence[str], answers: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    """A row a text, a column an arm; the baseline first. answers: by arm, as `answer_fields` has them."""
    table = Table(pad_edge=False)
    table.add_column("text", ratio=1)
    names = sorted(answers, key=lambda name: name != "baseline")
    alone = sum(name != "baseline" for name in names) == 1
    for name in names:
        title = TITLES[""] if alone and name != "baseline" else TITLES.get(name, name)
        table.add_column(Text(title), no_wrap=True)
    for at, text in enumerate(texts):
        shown = text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
        table.add_row(Text(shown), *(Text(_cell(answers[name][at])) for name in names))
    return table


def _cell(fields: Mapping[str, Any]) -> str:
    """The label and its score; below it the best few, where they were asked for."""
    said = [fields, *fields.get("top", ())]
    if len(said) > 1 and said[1]["label"] == said[0]["label"]:
        del said[0]
    return "\n".join(f"{one['label']} {100 * one['score']:.1f} %" for one in said)
