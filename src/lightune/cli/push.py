"""`lightune push`: an export to the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def push(
    folder: Annotated[Path, Argument(metavar="EXPORT_DIR", help="A folder that `lightune export` wrote.")],
    repo_id: Annotated[str, Argument(metavar="REPO_ID", help="The repository, `you/name`; made if it is not there.")],
    private: Annotated[bool, Option("--private", help="Make it private, where it is made.")] = False,
) -> None:
    """Send an export to the hub. The token is read from HF_TOKEN, and from nowhere else."""
    from lightune.cli.output import console
    from lightune.exports import push_export

    console().print(f"pushed: {push_export(folder, repo_id, private)}", markup=False, soft_wrap=True)
