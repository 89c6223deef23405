"""Accuracy on parts of the test rows."""

from __future__ import annotations

from collections.abc import Sequence

from lightune.records import Slice, StudyResult
from lightune.report import format as show
from lightune.report.document import Block, Cell, Column, Figure, Group, Section, Table
from lightune.report.escape import short
from lightune.report.pictures.cast import Cast, cast_of
from lightune.report.pictures.slices import forest
from lightune.report.runs import first_answers
from lightune.report.vocabulary import arm_column, share_cell, slice_group

# A group of more parts than this stands in its table alone.
_MOST_DRAWN = 12
_MOST_ROWS = 200


def slices_section(result: StudyResult) -> Section | None:
    """A forest plot of the verdict's two arms, and a table of all arms for each group."""
    slices = result.findings.slices
    if not slices:
        return None
    arms = [arm.name for arm in result.arms if any(arm.name in each.accuracy for each in slices)]
    groups = {each.group: [other for other in slices if other.group == each.group] for each in slices}
    drawn = [each for members in groups.values() if len(members) <= _MOST_DRAWN for each in members]
    cast = cast_of(result)
    leading = [arm for arm in (cast.subject, cast.rival) if arm in arms] or arms[:2]
    blocks: list[Block] = []
    if drawn and leading:
        blocks.append(_figure(drawn, [arm for arm in leading if arm is not None], cast))
    blocks += [_group(group, members, arms) for group, members in groups.items()]
    return Section(
        anchor="slices",
        title="Slices",
        read="Where an arm is weaker than elsewhere. Of many slices a few stand out by chance: take a wide interval as "
        "a question, not as a finding.",
        computed=f"Accuracy of the {first_answers(result)}, on those test rows, 95 % Wilson intervals, not corrected "
        "for the number of slices.",
        blocks=tuple(blocks),
    )


def _figure(slices: Sequence[Slice], arms: Sequence[str], cast: Cast) -> Figure:
    names = " and ".join(short(arm) for arm in arms)
    return Figure(
        "slices",
        f"Accuracy of {names} on parts of the test rows, with 95 % intervals. The tables below have all arms.",
        lambda name, width: forest(slices, arms, cast, name, width),
    )


def _group(group: str, slices: Sequence[Slice], arms: Sequence[str]) -> Block:
    shown = slices[:_MOST_ROWS]
    told = "" if len(shown) == len(slices) else f", the first {len(shown)} of {len(slices):,}"
    table = Table(
        f"Accuracy by {slice_group(group)}{told}, with 95 % intervals",
        (Column("Part", numeric=False), Column("Rows"), *(arm_column(arm) for arm in arms)),
        tuple(
            (Cell(short(each.name)), Cell(show.count(each.rows)), *(share_cell(each.accuracy.get(arm)) for arm in arms))
            for each in shown
        ),
    )
    return Group(f"By {slice_group(group)}", (table,), folded=True)
