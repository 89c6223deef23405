"""An order as the text of a script or a manifest, through a template each."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from lightune.config import config_to_yaml
from lightune.manifests import quoting
from lightune.manifests.order import LOCAL, SLURM, Order

# What `accelerate launch --use_fsdp --fsdp_version 2 --fsdp_auto_wrap_policy TRANSFORMER_BASED_WRAP` sets: the Trainer
# reads it, whichever program started its processes.
FSDP = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_RESHARD_AFTER_FORWARD": "true",
}
PORT = 29500
# Where a volume that all pods share is put, and the study's own files.
MOUNT, FILES = "/workspace", "/etc/lightune"


def render_order(order: Order) -> str:
    """The text: bash for Slurm, YAML for Kubernetes. The same order gives the same bytes, on any machine."""
    kind = "torchrun" if order.executor == LOCAL else "ray"
    ending = "sh" if order.scheduler == SLURM else "yaml"
    facts: dict[str, Any] = {"fsdp": FSDP if order.fsdp else {}, "port": PORT, "mount": MOUNT, "files": FILES}
    templates = _environment()
    script = templates.get_template("kubernetes-study.sh.j2").render(order=order, **facts)
    template = templates.get_template(f"{order.scheduler}-{kind}.{ending}.j2")
    return template.render(order=order, config_yaml=config_to_yaml(order.config), script=script, **facts)


@cache
def _environment() -> Environment:
    """Templates in which each value is written by the filter that it names: there is no one way that fits a shell's
    word, a YAML value and a comment."""
    environment = Environment(
        loader=PackageLoader("lightune.manifests"),
        autoescape=False,  # nosec B701  # no markup
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        sh=quoting.shell,
        path=quoting.path,
        text=quoting.yaml_text,
        arg=quoting.argument,
        block=quoting.block,
        remark=quoting.remark,
    )
    return environment
