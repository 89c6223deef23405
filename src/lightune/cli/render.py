"""`lightune render`: a study written down for Slurm or Kubernetes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from lightune.cli.config_file import CONFIG_NAME, read_config
from lightune.errors import ConfigError


def render(
    study: Annotated[Path, Argument(metavar="STUDY", help="A study's folder, or a configuration in YAML.")],
    scheduler: Annotated[str, Option("--for", help="slurm: a script for sbatch; kubernetes: manifests.")],
    out: Annotated[
        str | None, Option(help="The study's folder on the cluster; STUDY itself where that is a folder.")
    ] = None,
    executor: Annotated[
        str, Option(help="local: each run takes all GPUs of all nodes, by torchrun; ray: each run is a task.")
    ] = "local",
    nodes: Annotated[int, Option(help="Nodes, or pods.")] = 1,
    gpus_per_node: Annotated[int, Option(help="0: on CPUs.")] = 1,
    cpus_per_node: Annotated[int | None, Option(help="8 for each GPU without it.")] = None,
    memory_per_node: Annotated[str | None, Option(help="As 64G; what the cluster gives without it.")] = None,
    time: Annotated[str | None, Option(help="The limit as HH:MM:SS or D-HH:MM:SS.")] = None,
    image: Annotated[str | None, Option(help="For Kubernetes: an image with lightune in it.")] = None,
    fsdp: Annotated[
        bool, Option("--fsdp", help="Share out the model's weights among the GPUs, for one too big for each.")
    ] = False,
    output: Annotated[Path | None, Option(help="A new file; printed without it.")] = None,
) -> None:
    """Write the script or the manifests by which a cluster's scheduler runs a study, with what to change in them.
    Nothing is submitted."""
    config = read_config(study)
    if out is None and not study.is_dir():
        raise ConfigError("--out: the study's folder on the cluster is expected, where STUDY is a file.")
    if output is not None:
        _check_new(output)
    from lightune.manifests import Order, render_order

    order = Order(
        config, str(study / CONFIG_NAME if study.is_dir() else study), out or str(study), scheduler, executor, nodes,
        gpus_per_node, cpus_per_node, memory_per_node, time, image, fsdp,
    )  # fmt: skip
    text = render_order(order)
    if output is None:
        sys.stdout.write(text)
        return
    from lightune.whole import write_whole

    write_whole(output, text)


def _check_new(path: Path) -> None:
    """Raise ConfigError where the file is there: it may be one in which things were changed by hand."""
    if path.exists() or path.is_symlink():
        raise ConfigError(f"--output {path}: a new file is expected, but it is there. Remove it, or name another one.")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"--output {path}: the folder {path.parent} does not exist; make it first.")
