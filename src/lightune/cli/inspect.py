"""`lightune inspect`: what is in a data set, before anything is trained on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typer import Option

from lightune.config import TRUNCATIONS, DataConfig, ModelConfig, StudyConfig

if TYPE_CHECKING:
    from lightune.data import Audit, Lengths


def inspect(
    data: Annotated[str, Option(help="A hub id, a folder, a file, or `embedded`.")],
    model: Annotated[str | None, Option(help="Counts tokens as this model does.")] = None,
    text_column: Annotated[str | None, Option(help="Found without it.")] = None,
    label_column: Annotated[str | None, Option(help="Found without it.")] = None,
    split_column: Annotated[str | None, Option(help="Names each row's split.")] = None,
    group_column: Annotated[str | None, Option(help="Rows of a group stay on one side of each cut.")] = None,
    positive_label: Annotated[str | None, Option(help="The label that F1 is of.")] = None,
    max_length: Annotated[int | None, Option(help="Tokens at most.")] = None,
    truncate: Annotated[str, Option(help=f"{', '.join(TRUNCATIONS)}.")] = "head",
    as_json: Annotated[bool, Option("--json", help="As one line of JSON.")] = False,
) -> None:
    """Show rows, labels, lengths, empty and repeated texts, and texts that stand in train and test."""
    from lightune.cli.output import console, print_json
    from lightune.inspection import inspect_data
    from lightune.records import to_json

    asked = StudyConfig(
        model=ModelConfig(model or "embedded", max_length, truncate),
        data=DataConfig(data, text_column, label_column, split_column, group_column, positive_label),
    )
    found = inspect_data(asked.data, asked.model if model else None)
    if as_json:
        print_json(to_json(found))
    else:
        _show(found, console())


def _show(found: Audit, target: object) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    assert isinstance(target, Console)
    table = Table(title=Text(f"{found.source}: texts in {found.text_column!r}, labels in {found.label_column!r}"),
                  title_justify="left", pad_edge=False)  # fmt: skip
    table.add_column("")
    for name in found.splits:
        table.add_column(Text(name), justify="right")
    for title, values in _lines(found):
        table.add_row(Text(title), *(Text(value) for value in values))
    target.print(table)
    for note in found.notes:
        target.print(Text(note))


def _lines(found: Audit) -> list[tuple[str, list[str]]]:
    splits = list(found.splits.values())
    lines = [("rows", [f"{split.rows:,}" for split in splits])]
    lines += [(f"label {name}", [f"{split.labels.get(name, 0):,}" for split in splits]) for name in found.label_names]
    lines += [
        ("empty texts", [f"{split.empty_texts:,}" for split in splits]),
        ("repeated texts", [f"{split.duplicate_texts:,}" for split in splits]),
        ("same text, other label", [f"{split.conflicting_texts:,}" for split in splits]),
        ("text stands in train too", [f"{split.train_overlap:,}" for split in splits]),
        *_lengths("characters", [split.characters for split in splits]),
        *_lengths("words", [split.words for split in splits]),
    ]
    tokens = [split.tokens for split in splits if split.tokens is not None]
    if tokens:
        lines += _lengths("tokens", tokens)
        cut = f"cut at {found.max_length} tokens"
        lines.append((cut, [f"{split.cut_rows:,} ({(split.cut_rows or 0) / split.rows:.1%})" for split in splits]))
    lines.append(("rows a study would use", [f"{found.used.get(name, 0):,}" for name in found.splits]))
    return lines


def _lengths(unit: str, splits: list[Lengths]) -> list[tuple[str, list[str]]]:
    return [
        (f"{unit}: mean / median", [f"{one.mean:,.0f} / {one.median:,.0f}" for one in splits]),
        (f"{unit}: 90 % / 99 % / most", [f"{one.p90:,.0f} / {one.p99:,.0f} / {one.max:,}" for one in splits]),
    ]
