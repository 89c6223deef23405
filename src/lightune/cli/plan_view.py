"""What `lightune study --plan` prints."""

from __future__ import annotations

from rich.box import SIMPLE
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lightune.records import ArmPlan, Plan, StudyPlan

DEVICES = {"cpu": "the CPU", "cuda": "the GPU"}
UNKNOWN = "not planned"


def plan_view(found: StudyPlan) -> Group:
    """The choices for each trained arm with their reasons, and what was not picked; fits 80 columns."""
    precision = "weights and products" if found.precision == "float32" else "products; weights stay float32"
    parts: list[Table | Text] = [
        Text(
            f"On {DEVICES.get(found.device, found.device)}, {found.precision} {precision}. Nothing was run or written."
        )
    ]
    parts += [_arm(arm) for arm in found.arms]
    if not found.arms:
        parts.append(Text("No arm of this study trains a model, so there is nothing to plan."))
    parts.append(_left(found))
    return Group(*parts)


def _arm(arm: ArmPlan) -> Table | Text:
    if arm.plan is None:
        return Text(f"{arm.arm}: {UNKNOWN}. {arm.reason}")
    table = Table(title=arm.arm, title_justify="left", pad_edge=False, box=SIMPLE)
    table.add_column("what", no_wrap=True)
    table.add_column("picked", no_wrap=True)
    table.add_column("why", overflow="fold")
    for name, title, picked in choices(arm.plan):
        table.add_row(title, picked, Text(arm.plan.reasons.get(name, "")))
    return table


def choices(plan: Plan) -> list[tuple[str, str, str]]:
    """Each choice of a plan: its field, what to call it, and what was picked, in words."""
    shared = [("processes", "processes", f"{plan.processes} share each step")] if plan.processes > 1 else []
    return [
        *shared,
        ("threads", "threads", str(plan.threads)),
        ("packed", "texts in a batch", "packed end to end" if plan.packed else "padded, by length"),
        ("onednn", "matrix products", "oneDNN" if plan.onednn else "torch's own"),
        ("laid_out", "frozen weights", "laid out once" if plan.laid_out else "as they are"),
        ("micro_tokens", "micro-batch", f"{plan.micro_tokens:,} tokens at most"),
        ("checkpointing", "activations", "computed again" if plan.checkpointing else "kept"),
    ]


def _left(found: StudyPlan) -> Table:
    table = Table(title="Not picked, since answers or settings would change", title_justify="left", box=SIMPLE)
    table.pad_edge = False
    table.add_column("what", no_wrap=True)
    table.add_column("why not", overflow="fold")
    for what, why in found.not_picked.items():
        table.add_row(what, Text(why))
    return table
