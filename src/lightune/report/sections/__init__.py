"""The parts of the report, a file each: records in, a `Section` of plain blocks out."""

from __future__ import annotations

from collections.abc import Mapping

from lightune.records import StudyResult
from lightune.report.document import Section
from lightune.report.sections.behaviour import behaviour_section
from lightune.report.sections.calibration import calibration_section
from lightune.report.sections.certificate import certificate_section
from lightune.report.sections.comparisons import comparisons_section
from lightune.report.sections.confusion import confusion_section
from lightune.report.sections.costs import costs_section
from lightune.report.sections.curves import curves_section
from lightune.report.sections.data import data_section
from lightune.report.sections.label_issues import label_issues_section
from lightune.report.sections.ladder import ladder_section, splits_section
from lightune.report.sections.left_out import left_out_section
from lightune.report.sections.methods import methods_section
from lightune.report.sections.overlap import overlap_section
from lightune.report.sections.provenance import provenance_section
from lightune.report.sections.rows import alone_section
from lightune.report.sections.seeds import seeds_section
from lightune.report.sections.slices import slices_section
from lightune.report.sections.training import training_section

__all__ = ["sections"]


def sections(result: StudyResult, texts: Mapping[str, str]) -> tuple[Section, ...]:
    """The sections that this study has something for, in the order of the page."""
    parts = (
        ladder_section(result),
        comparisons_section(result, texts),
        seeds_section(result),
        methods_section(result),
        costs_section(result),
        curves_section(result),
        calibration_section(result),
        slices_section(result),
        confusion_section(result),
        alone_section(result, texts),
        label_issues_section(result, texts),
        overlap_section(result, texts),
        behaviour_section(result),
        splits_section(result),
        training_section(result),
        certificate_section(result),
        left_out_section(result),
        data_section(result),
        provenance_section(result),
    )
    return tuple(part for part in parts if part is not None)
