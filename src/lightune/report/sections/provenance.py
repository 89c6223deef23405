"""How the study was made: what is needed to make it again and to trust what was saved."""

from __future__ import annotations

import math

import yaml

from lightune.printable import printable
from lightune.records import ArmResult, StudyResult, to_json
from lightune.report import format as show
from lightune.report.document import Block, Bullets, Cell, Code, Column, Group, Section, Table
from lightune.report.escape import short
from lightune.report.vocabulary import arm_cell

_MOST_CHARACTERS = 20_000


def provenance_section(result: StudyResult) -> Section:
    """Artefacts, notes, configuration and environment."""
    blocks: list[Block] = [_artefacts(result)]
    notes = tuple(f"{short(arm.name)}: {short(note, 1000)}" for arm in result.arms for note in arm.notes)
    if notes:
        blocks.append(Group("Notes on the arms", (Bullets(notes),)))
    blocks += [
        Group("Configuration", (Code(_yaml(result.config), "yaml"),)),
        Group("Environment", (Code(_yaml(result.environment), "yaml"),)),
    ]
    return Section(
        anchor="made",
        title="How it was made",
        read="The stock route is how peft or transformers alone load what was saved, without lightune. "
        "The reload difference is close to 0 when the saved arm is the measured one.",
        computed="Reload difference: the largest absolute difference between the logits in memory and those of the "
        f"reloaded artefact. Results schema {result.schema_version}.",
        blocks=tuple(blocks),
    )


def _artefacts(result: StudyResult) -> Table:
    return Table(
        "What was saved",
        (
            Column("Arm", numeric=False),
            Column("Status", numeric=False),
            Column("Stock route", numeric=False),
            Column("Reload difference"),
        ),
        tuple(
            (
                arm_cell(arm.name),
                Cell(short(arm.status), tone="" if arm.status == "done" else "bad"),
                Cell(short(arm.stock_route, 300)) if arm.stock_route else Cell(show.DASH, why="none"),
                _difference(arm),
            )
            for arm in result.arms
        ),
    )


def _difference(arm: ArmResult) -> Cell:
    value = arm.reload_difference
    if value is None or not math.isfinite(value):
        return Cell(show.DASH, why="nothing was reloaded")
    return Cell(show.scientific(value))


def _yaml(values: object) -> str:
    text: str = yaml.safe_dump(to_json(values), sort_keys=False, allow_unicode=True, width=90)
    text = printable(text)
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + "\n# …"
