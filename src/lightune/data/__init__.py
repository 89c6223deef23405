"""Sources (hub, folder, files, the embedded reviews) -> texts and labels, split: the only way data comes in."""

from lightune.data.audit import Audit, Lengths, SplitAudit, audit
from lightune.data.columns import find_label_column, find_text_column, known_text_column
from lightune.data.drawing import CutSize, cut, draw
from lightune.data.encoding import Utf8
from lightune.data.folds import fold_of
from lightune.data.parquet_slices import ParquetSlices
from lightune.data.readers import read_table
from lightune.data.row_sources import JSON_LINES, TEXT_LINES, open_rows
from lightune.data.rows import load_rows, row_ids, save_rows
from lightune.data.splits import load_splits
from lightune.data.survey import Survey, survey
from lightune.data.tables import Part, Table
from lightune.data.windows import Cut, RowSource, Window

__all__ = [
    "JSON_LINES",
    "TEXT_LINES",
    "Audit",
    "Cut",
    "CutSize",
    "Lengths",
    "ParquetSlices",
    "Part",
    "RowSource",
    "SplitAudit",
    "Survey",
    "Table",
    "Utf8",
    "Window",
    "audit",
    "cut",
    "draw",
    "find_label_column",
    "find_text_column",
    "fold_of",
    "known_text_column",
    "load_rows",
    "load_splits",
    "open_rows",
    "read_table",
    "row_ids",
    "save_rows",
    "survey",
]
