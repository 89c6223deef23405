"""What `lightune study --estimate` prints."""

from __future__ import annotations

from rich.box import SIMPLE
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lightune.cli.output import seconds
from lightune.records import ArmEstimate, StudyEstimate

GIB = 2**30


def estimate_view(found: StudyEstimate) -> Group:
    """The arms with what they are predicted to take, and their sum; fits 80 columns."""
    test = found.splits.get("test", 0)
    table = Table(
        title=f"Predicted, each arm's first run; predict: {test:,} test rows", title_justify="left", pad_edge=False
    )
    table.box = SIMPLE
    table.add_column("arm", no_wrap=True)
    for name in ("fit", "predict", "memory", "runs", "all its runs"):
        table.add_column(name, justify="right", no_wrap=True)
    for arm in found.arms:
        table.add_row(*_cells(arm))
    lines = [Text(f"{arm.arm}: {arm.reason}") for arm in found.arms if arm.run is None]
    lines.append(Text(f"Reading the data and looking over the models: {seconds(found.begun_seconds)}."))
    if found.behaviour_seconds:
        lines.append(Text(f"Behaviour checks: {seconds(found.behaviour_seconds)}."))
    lines.append(
        Text(
            f"In all {seconds(found.seconds)}, and {found.peak_memory_bytes / GIB:.2f} GiB at most, of "
            f"{found.free_memory_bytes / GIB:.1f} GiB free."
        )
    )
    if found.peak_memory_bytes > found.free_memory_bytes:
        lines.append(Text("That is more memory than there is: a run would be killed. Take a smaller --batch-size."))
    lines += [Text(note) for note in found.notes]
    lines.append(Text(f"Measured here in {seconds(found.took_seconds)}; no run was started and nothing was written."))
    return Group(table, *lines)


def _cells(arm: ArmEstimate) -> list[Text | str]:
    if arm.run is None:
        return [Text(arm.arm), "not known", *[""] * 4]
    run = arm.run
    memory = f"{run.peak_memory_bytes / GIB:.2f} GiB" if run.peak_memory_bytes else ""
    return [
        Text(arm.arm),
        seconds(run.fit_seconds),
        seconds(run.predict_seconds),
        memory,
        f"{arm.runs:,}",
        seconds(arm.seconds),
    ]
