"""Sources (hub, folder, files, the embedded reviews) -> texts and labels, split: the only way data comes in."""

from lightune.data.audit import Audit, Lengths, SplitAudit, audit
from lightune.data.columns import find_label_column, find_text_column
from lightune.data.drawing import CutSize, cut, draw
from lightune.data.folds import fold_of
from lightune.data.readers import read_table
from lightune.data.rows import load_rows, row_ids, save_rows
from lightune.data.splits import load_splits
from lightune.data.tables import Part, Table

__all__ = [
    "Audit",
    "CutSize",
    "Lengths",
    "Part",
    "SplitAudit",
    "Table",
    "audit",
    "cut",
    "draw",
    "find_label_column",
    "find_text_column",
    "fold_of",
    "load_rows",
    "load_splits",
    "read_table",
    "row_ids",
    "save_rows",
]
