"""`lightune methods`: what the methods are, and which of them work on a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from lightune.catalogue import METHODS, Method

if TYPE_CHECKING:
    from lightune.certification import Tried


def methods(
    model: Annotated[
        str | None, Option(help="Try each on this model's architecture: a hub id, a folder, or `embedded`.")
    ] = None,
    as_json: Annotated[bool, Option("--json", help="As one line of JSON: a list.")] = False,
) -> int:
    """List the methods; with --model say which of them work there: each is put on a model of that architecture and
    width with two blocks, trained for three steps, saved, and loaded again in a new process."""
    from lightune.cli.output import console, print_json

    tried = _try(model) if model is not None else {}
    if as_json:
        print_json([_line(method, tried.get(method.name)) for method in METHODS.values()])
    elif model is None:
        console().print(_catalogue())
    else:
        console().print(_outcomes(tried))
        works = [name for name, one in tried.items() if one.works]
        of_peft = sum(METHODS[name].peft is not None and METHODS[name].variant_of is None for name in works)
        console().print(f"{len(works)} of {len(tried)} work on {model}; of peft's own methods {of_peft}.", markup=False)
    return 0


def _try(model: str) -> dict[str, Tried]:
    from rich.progress import Progress

    from lightune.certification import try_methods
    from lightune.cli.output import progress_console
    from lightune.models import find_model, quiet_transformers

    config = find_model(model).config
    shown = progress_console()
    with quiet_transformers(), Progress(console=shown, transient=True, disable=not shown.is_terminal) as bars:
        task = bars.add_task("trying", total=len(METHODS))
        return {one.name: one for one in try_methods(config, lambda _: bars.advance(task))}


def _line(method: Method, tried: Tried | None) -> dict[str, Any]:
    line: dict[str, Any] = {
        "name": method.name,
        "works": tried.works if tried is not None else None,
        "reason": tried.reason if tried is not None else method.refused,
        "title": method.title,
        "summary": method.summary,
        "paper": method.paper,
        "peft": method.peft,
        "variant_of": method.variant_of,
        "options": dict(method.options),
        "needs": method.needs or None,
        "cannot": dict(method.cannot),
    }
    if tried is not None:
        line |= {"stock_route": tried.stock_route, "reload_difference": tried.difference}
    return line


def _catalogue() -> object:
    from rich.table import Table
    from rich.text import Text

    table = Table(pad_edge=False)
    table.add_column("arm", no_wrap=True)
    table.add_column("what it is", ratio=3)
    table.add_column("paper", overflow="fold", ratio=1)
    table.add_column("cannot", ratio=1)
    for method in METHODS.values():
        cannot = f"classify: {method.refused}" if method.refused else ", ".join(method.cannot)
        table.add_row(*(Text(value) for value in (method.name, method.summary, method.paper or "", cannot)))
    return table


def _outcomes(tried: dict[str, Tried]) -> object:
    from rich.table import Table
    from rich.text import Text

    table = Table(pad_edge=False)
    table.add_column("arm", no_wrap=True)
    table.add_column("works", no_wrap=True)
    table.add_column("stock route, or why not", ratio=1)
    for name, one in tried.items():
        table.add_row(Text(name), Text("yes" if one.works else "no"), Text(one.stock_route or one.reason or ""))
    return table
