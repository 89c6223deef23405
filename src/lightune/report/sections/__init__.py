"""The parts of the report, a file each: records in, a `Section` of plain blocks out."""

from __future__ import annotations

from collections.abc import Mapping

from lightune.records import StudyResult
from lightune.report.document import Section
from lightune.report.sections.comparisons import comparisons_section
from lightune.report.sections.confusion import confusion_section
from lightune.report.sections.costs import costs_section
from lightune.report.sections.data import data_section
from lightune.report.sections.ladder import ladder_section, splits_section
from lightune.report.sections.provenance import provenance_section
from lightune.report.sections.seeds import seeds_section
from lightune.report.sections.training import training_section

__all__ = ["sections"]


def sections(result: StudyResult, texts: Mapping[str, str]) -> tuple[Section, ...]:
    """The sections that this study has something for, in the order of the page."""
    parts = (
        ladder_section(result),
        comparisons_section(result, texts),
        costs_section(result),
        confusion_section(result),
        seeds_section(result),
        splits_section(result),
        training_section(result),
        data_section(result),
        provenance_section(result),
    )
    return tuple(part for part in parts if part is not None)
