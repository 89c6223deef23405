"""The command lines in what is rendered, read by the programs' own parsers."""

from __future__ import annotations

from typing import Any

import typer

from lightune.cli.main import app


def parsed_study(words: list[str]) -> dict[str, Any]:
    """The options of `lightune study` as the command itself reads them."""
    group: Any = typer.main.get_command(app)
    command = group.commands["study"]
    with command.make_context("study", list(words)) as context:
        return dict(context.params)


def parsed_torchrun(words: list[str]) -> Any:
    """The options of torchrun as torchrun itself reads them."""
    from torch.distributed.run import get_args_parser

    return get_args_parser().parse_args(words)
