"""`lightune export`: an arm for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

if TYPE_CHECKING:
    from rich.console import Console

    from lightune.exports import ExportRecord
    from lightune.records import Metric, StudyResult


def export(
    folder: Annotated[Path, Argument(metavar="DIR", help="A study's folder, or an arm's.")],
    kind: Annotated[str, Option("--format", help="adapter, merged or onnx.")],
    out: Annotated[Path, Option(help="The folder to write: a new one, or that of an earlier export.")],
    arm: Annotated[str | None, Option(help="Which arm of the study; `lora` without it.")] = None,
    with_base: Annotated[bool, Option("--with-base", help="With an adapter, its base: a pair that can move.")] = False,
    rows: Annotated[int | None, Option(help="Of the test rows, at most so many to measure int8 on.")] = None,
    as_json: Annotated[bool, Option("--json", help="What export.json says, as one line of JSON.")] = False,
) -> None:
    """Write an arm as an adapter, a merged model or an ONNX graph, compared with the original."""
    from rich.progress import Progress, TextColumn

    from lightune.cli.output import console, print_json, progress_console
    from lightune.exports import Order
    from lightune.exports import export as make
    from lightune.inference import find_artifact
    from lightune.models import quiet_transformers
    from lightune.records import to_json

    order = Order(find_artifact(folder, arm), kind, out, with_base, rows)
    with Progress(
        TextColumn("{task.description}"), console=(shown := progress_console()), transient=True,
        disable=not shown.is_terminal,
    ) as bars, quiet_transformers():  # fmt: skip
        task = bars.add_task("exporting", total=None)

        def say(text: str) -> None:
            bars.update(task, description=text)

        record = make(order, _result(order.folder), say, lambda done, total: say(f"measuring int8: {done:,}/{total:,}"))
    if as_json:
        print_json({"out": str(out), **to_json(record)})
    else:
        _show(record, out, console())


def _result(artifact: Path) -> StudyResult | None:
    """The results of the study that the artefact belongs to, None where it stands alone or is not finished."""
    from lightune.inference import study_of
    from lightune.report import load_result

    study = study_of(artifact)
    return load_result(study) if study is not None and (study / "results.json").is_file() else None


def _show(record: ExportRecord, out: Path, target: Console) -> None:
    def say(text: str) -> None:
        target.print(text, markup=False, soft_wrap=True)

    for one in record.checks:
        allowed = "" if one.tolerance is None else f", at most {one.tolerance:.1e} allowed"
        say(f"{one.name}: {one.outcome}, difference {one.difference:.1e}{allowed} ({one.compared})")
    found = record.quantised
    if found is not None:
        say(
            f"int8 on {found.rows:,} test rows: accuracy {_percent(found.int8)} %, "
            f"float32 {_percent(found.float32)} %, difference {100 * found.delta.value:+.2f} points "
            f"({100 * found.delta.low:+.2f} to {100 * found.delta.high:+.2f}); {found.changed_rows:,} rows get "
            f"another label ({_percent(found.changed)} %); {found.int8_bytes / 1e6:.1f} MB instead of "
            f"{found.float32_bytes / 1e6:.1f}"
        )
    if record.not_measured is not None:
        say(record.not_measured)
    say(f"{record.kind}: {out}")


def _percent(metric: Metric) -> str:
    return f"{100 * metric.value:.1f} ({100 * metric.low:.1f}-{100 * metric.high:.1f})"
