"""What the study was done on."""

from __future__ import annotations

from lightune.records import DataFacts, StudyResult
from lightune.report import format as show
from lightune.report.document import Block, Bullets, Cell, Column, Paragraph, Section, Table
from lightune.report.escape import short
from lightune.report.vocabulary import arm_cell

_MOST_LABELS = 200
# Without folds, and with them.
_OVERLAP = (
    "Test rows whose text is in train or validation",
    "Rows that repeat an earlier text; the two may stand in train and test of a fold",
)
_FLATTERING = (
    "Test rows whose text also stands in train flatter every trained arm.",
    "Every row is a test row of one fold and a training row of the others, so train and test are the same rows here. "
    "A text that stands there twice may be in train and test of a fold and then flatters every trained arm.",
)


def data_section(result: StudyResult) -> Section:
    """Source, splits, labels, repeats, what was cut, and notes."""
    facts = result.data
    folds = result.cross_validation is not None
    blocks: list[Block] = [_facts(facts, folds), _splits(facts), _labels(facts)]
    if len(facts.label_names) > _MOST_LABELS:
        blocks.append(Paragraph(f"The first {_MOST_LABELS} of {len(facts.label_names):,} labels are shown."))
    if any(arm.cut_rows for arm in result.arms):
        blocks.append(_cut(result))
    if facts.notes:
        blocks.append(Bullets(tuple(short(note, 1000) for note in facts.notes)))
    return Section(
        anchor="data",
        title="Data",
        read=f"{_FLATTERING[folds]} A cut text was read in part only.",
        computed="Counted on the rows that this study used; two texts are the same when every character is.",
        blocks=tuple(blocks),
    )


def _facts(facts: DataFacts, folds: bool) -> Table:
    positive = "none, metrics are macro means" if facts.positive_label is None else short(facts.positive_label)
    pairs = (
        ("Source", short(facts.source, 300)),
        ("Text column", short(facts.text_column)),
        ("Label column", short(facts.label_column)),
        ("Labels", show.count(len(facts.label_names))),
        ("Positive label", positive),
        (_OVERLAP[folds], show.count(facts.train_test_overlap)),
        ("Fingerprint", short(facts.fingerprint, 80)),
    )
    return Table(
        "The data set",
        (Column("Fact", numeric=False), Column("Value", numeric=False)),
        tuple((Cell(name), Cell(value)) for name, value in pairs),
    )


def _splits(facts: DataFacts) -> Table:
    return Table(
        "Splits",
        (
            Column("Split", numeric=False),
            Column("Rows"),
            Column("Empty texts"),
            Column("Repeated texts", why="the same as an earlier one of this split"),
        ),
        tuple(
            (
                Cell(short(name)),
                Cell(show.count(split.rows)),
                Cell(show.count(split.empty_texts)),
                Cell(show.count(split.duplicate_texts)),
            )
            for name, split in facts.splits.items()
        ),
    )


def _labels(facts: DataFacts) -> Table:
    return Table(
        "Rows of each label",
        (Column("Label", numeric=False), *(Column(short(name)) for name in facts.splits)),
        tuple(
            (
                Cell(short(label)),
                *(
                    Cell(
                        show.count(split.labels.get(label, 0)),
                        aside=show.percent(split.labels.get(label, 0) / split.rows) if split.rows else "",
                    )
                    for split in facts.splits.values()
                ),
            )
            for label in facts.label_names[:_MOST_LABELS]
        ),
    )


def _cut(result: StudyResult) -> Table:
    names = list(dict.fromkeys(name for arm in result.arms for name in arm.cut_rows))
    rows = []
    for arm in result.arms:
        if not arm.cut_rows:
            continue
        cells = []
        for name in names:
            cut, split = arm.cut_rows.get(name), result.data.splits.get(name)
            # Of a cross-validation only the rows of the first fold's part were counted, not the whole split's.
            whole = split.rows if split is not None and result.cross_validation is None else 0
            share = show.percent(cut / whole) if cut is not None and whole else ""
            cells.append(Cell(show.count(cut), aside=share, why="" if cut is not None else "not counted"))
        rows.append((arm_cell(arm.name), *cells))
    columns = (Column("Arm", numeric=False), *(Column(short(name)) for name in names))
    where = "" if result.cross_validation is None else ", in the first fold"
    return Table(f"Texts longer than the model's limit, cut{where}", columns, tuple(rows))
