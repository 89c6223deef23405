"""`lightune predict`: labels for new texts, given here or in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from lightune.errors import ConfigError

if TYPE_CHECKING:
    from lightune.inference import Answer, TextClassifier

SHOWN = 60


def predict(
    folder: Annotated[Path, Argument(metavar="DIR", help="A study's folder, or an arm's.")],
    texts: Annotated[list[str] | None, Argument(metavar="TEXT…", help="Texts to label.")] = None,
    arm: Annotated[str | None, Option(help="Which arm of the study; `lora` without it.")] = None,
    baseline: Annotated[bool, Option("--baseline", help="The pre-trained model's answer beside it.")] = False,
    source: Annotated[Path | None, Option("--input", help="A CSV, TSV, JSONL or Parquet file of texts.")] = None,
    target: Annotated[Path | None, Option("--output", help="Where its rows go, with their labels.")] = None,
    text_column: Annotated[str | None, Option(help="The file's column of texts; found without it.")] = None,
    as_json: Annotated[bool, Option("--json", help="A line of JSON a text.")] = False,
) -> int:
    """Label texts with what a study made."""
    _check(texts, source, target)
    from lightune.cli.output import progress_console
    from lightune.inference import baseline_of, find_artifact, load
    from lightune.models import quiet_transformers

    with quiet_transformers():
        artifact = find_artifact(folder, arm)
        classifiers = {"": load(artifact)}
        if baseline:
            classifiers["baseline_"] = load(baseline_of(artifact))
        if not classifiers[""].verified:
            progress_console().print(
                f"lightune: {artifact} is unverified: lightune did not make it, so nothing tells whether its base, its "
                "cut of long texts and its labels are those it was trained with.",
                markup=False,
                soft_wrap=True,
            )
        if source is not None and target is not None:
            return _file(classifiers, source, target, text_column)
        return _texts(classifiers, texts or [], as_json)


def _check(texts: list[str] | None, source: Path | None, target: Path | None) -> None:
    if (source is None) != (target is None):
        raise ConfigError("--input and --output go together: a file to read and a file to write.")
    if source is not None and texts:
        raise ConfigError("Texts are expected either as words of the command or in --input, not both.")
    if source is None and not texts:
        raise ConfigError("At least one text is expected, or --input FILE --output FILE.")


def _texts(classifiers: dict[str, TextClassifier], texts: list[str], as_json: bool) -> int:
    from lightune.cli.output import console, print_json

    answers = {prefix: classifier.predict(texts) for prefix, classifier in classifiers.items()}
    if as_json:
        for row in zip(*answers.values(), strict=True):
            line = _line(row[0])
            if len(row) > 1:
                line["baseline"] = {name: value for name, value in _line(row[1]).items() if name != "text"}
            print_json(line)
    else:
        console().print(_table(answers))
    return 0


def _line(answer: Answer) -> dict[str, object]:
    return {
        "text": answer.text,
        "label": answer.label,
        "score": answer.score,
        "probabilities": dict(answer.probabilities),
    }


def _table(answers: dict[str, list[Answer]]) -> object:
    from rich.table import Table
    from rich.text import Text

    table = Table(pad_edge=False)
    table.add_column("text", ratio=1)
    if "baseline_" in answers:
        table.add_column("pre-trained", no_wrap=True)
    table.add_column("answer", no_wrap=True)
    for row in zip(*reversed(answers.values()), strict=True):
        shown = row[0].text if len(row[0].text) <= SHOWN else row[0].text[: SHOWN - 1] + "…"
        table.add_row(Text(shown), *(Text(f"{one.label} {100 * one.score:.1f} %") for one in row))
    return table


def _file(classifiers: dict[str, TextClassifier], source: Path, target: Path, text_column: str | None) -> int:
    from rich.progress import Progress

    from lightune.cli.output import console, progress_console
    from lightune.inference import predict_file

    shown = progress_console()
    with Progress(console=shown, transient=True, disable=not shown.is_terminal) as bars:
        task = bars.add_task("labelling", total=None)
        rows = predict_file(
            classifiers, source, target, text_column, lambda done, total: bars.update(task, completed=done, total=total)
        )
    console().print(f"{rows:,} rows labelled: {target}", markup=False, soft_wrap=True)
    return 0
