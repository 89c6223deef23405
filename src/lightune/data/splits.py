"""From a source's tables to the train, validation and test rows of a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lightune.config import DataConfig
from lightune.data.columns import check_column, find_label_column, find_text_column
from lightune.data.drawing import CutSize, cut, draw
from lightune.data.facts import data_facts
from lightune.data.folds import fold_of
from lightune.data.labels import check_known, check_missing, label_names, label_values, positive_label
from lightune.data.rows import row_ids
from lightune.data.sources import Source, open_source
from lightune.data.split_names import TEST, TRAIN, VALIDATION, canonical_names, check_split_name
from lightune.data.tables import Table, listing
from lightune.errors import DataError
from lightune.records import Rows, Splits

# Below it one cut's test rows are few, and cross-validation is offered.
FEW_ROWS = 2_000
CROSS_VALIDATION_OFFER = "Every row can be a test row: --folds 5 --repeats 3 cross-validates."
TEST_SHARE, VALIDATION_SHARE, MOST_VALIDATION, LEAST_VALIDATION = 0.2, 0.1, 2_000, 200


@dataclass(frozen=True)
class Pool:
    """The labelled splits as the source has them, before anything is cut or drawn. `train` is always there."""

    splits: Mapping[str, Rows]
    label_names: tuple[str, ...]
    positive_label: str | None
    text_column: str
    label_column: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Split:
    """Some rows of a table: what `_table_splits` makes. labels: None where a row has none."""

    table: Table
    at: tuple[int, ...]
    labels: tuple[str | None, ...]
    rows: Rows


def load_splits(config: DataConfig) -> Splits:
    """Read the data, find texts and labels, cut the splits that are missing and draw the sizes asked for.

    The same content and configuration give the same splits. Validation is cut from train, never from test; with
    `train_size` it is drawn smaller. A smaller `train_size` is part of a larger one, and so is its validation. Nothing
    is written (the hub's cache aside). Raises DataError.
    """
    return split(prepare(config), config)


def prepare(config: DataConfig) -> Pool:
    """Read and check all labelled splits of the source. Raises DataError."""
    source = open_source(config.source)
    splits, text, label, declared = _labelled(source, config)
    notes = list(source.notes)
    splits = _without_unlabelled(splits, notes)
    if TRAIN not in splits:
        raise DataError(
            f"{config.source} has no labelled train split, only {listing(splits) or 'unlabelled rows'}: "
            "name its files train and test, or give one file."
        )
    for name, part in splits.items():
        check_split_name(name, config.source)
        check_missing(part.labels, lambda row, part=part: part.table.where(part.at[row]), name)  # type: ignore[misc]
        if not any(text.strip() for text in part.rows.texts):
            raise DataError(f"Split {name} of {config.source} has no text: column {text!r} is empty in every row.")
    train = [label for label in splits[TRAIN].labels if label is not None]
    names = label_names(train, declared, splits[TRAIN].table.path)
    unused = [name for name in declared if name not in names]
    if unused:
        notes.append(f"Labels that train never has were left out: {listing(unused)}.")
    for name, part in splits.items():
        check_known(part.labels, names, name)
    ids = {name: number for number, name in enumerate(names)}
    rows = {name: _with_labels(part, ids) for name, part in splits.items()}
    return Pool(rows, names, positive_label(config.positive_label, names), text, label, tuple(notes))


def split(pool: Pool, config: DataConfig) -> Splits:
    """Cut what is missing and draw what is asked for. Raises DataError when there are too few rows."""
    if config.folds is not None:
        return _whole(pool, config)
    notes = list(pool.notes)
    train = pool.splits[TRAIN]
    rows = len(train)
    validation, test = pool.splits.get(VALIDATION), pool.splits.get(TEST)
    if test is None and validation is not None:
        test, validation = validation, None
        notes.append("No labelled test split: the validation split serves as test.")
    if test is None:
        size = CutSize(config.test_size, TEST_SHARE, None, 1, "--test-size")
        train, test = _cut(train, size, config, TEST, notes)
        if rows < FEW_ROWS:
            notes.append(f"{CROSS_VALIDATION_OFFER} With {rows:,} rows that tells arms apart better than one cut does.")
    if validation is None:
        size = CutSize(config.validation_size, VALIDATION_SHARE, MOST_VALIDATION, 2, "--validation-size")
        train, validation = _cut(train, size, config, VALIDATION, notes)
    train = _drawn(train, config.train_size, config, TRAIN, notes)
    validation = _drawn(validation, _validation_size(config, len(validation)), config, VALIDATION, notes)
    test = _drawn(test, config.test_size, config, TEST, notes)
    if len(np.unique(train.labels)) < 2:
        raise DataError(f"Train has rows of one label only ({len(train):,} rows): raise --train-size.")
    extra = {name: rows for name, rows in pool.splits.items() if name not in (TRAIN, VALIDATION, TEST)}
    if config.group_column is not None:
        notes.extend(_shared_groups(config.group_column, {TRAIN: train, VALIDATION: validation, TEST: test}))
    used = {TRAIN: train, VALIDATION: validation, TEST: test, **extra}
    facts = data_facts(
        config.source, used, pool.label_names, pool.positive_label, pool.text_column, pool.label_column, notes
    )
    return Splits(train, validation, test, extra, facts)


def _whole(pool: Pool, config: DataConfig) -> Splits:
    """All rows as train and as test: each run of a cross-validation takes its fold from them."""
    theirs = [name for name in (TEST, VALIDATION) if name in pool.splits]
    if theirs:
        raise DataError(f"--folds: {config.source} has a {theirs[0]} split; cross-validation is for data without one.")
    rows = _drawn(pool.splits[TRAIN], config.train_size, config, TRAIN, notes := list(pool.notes))
    counts = np.bincount(rows.labels, minlength=len(pool.label_names))
    rare = [name for name, count in zip(pool.label_names, counts, strict=True) if count < 2]
    if rare:
        raise DataError(f"--folds: at least 2 rows of each label are expected, {rare[0]!r} has fewer.")
    groups = rows.columns.get(config.group_column or "")
    for repeat in range(config.repeats):  # refuses what cannot be cut, before any run is started
        fold_of(rows, config.folds or 0, repeat, config.seed, groups, pool.label_names)
    notes.append(f"Cross-validated: every row is tested in one of {config.folds} folds, {config.repeats} times over.")
    used = {TRAIN: rows, VALIDATION: rows.take([]), TEST: rows}
    facts = data_facts(
        config.source, used, pool.label_names, pool.positive_label, pool.text_column, pool.label_column, notes
    )
    repeated = facts.splits[TEST].duplicate_texts
    return Splits(rows, used[VALIDATION], rows, {}, replace(facts, train_test_overlap=repeated))


def _validation_size(config: DataConfig, rows: int) -> int | None:
    """Rows to choose on: as asked; else in keep with a small train_size, since looking at more costs more than training
    on less does."""
    if config.validation_size is not None or config.train_size is None:
        return config.validation_size
    return min(rows, max(LEAST_VALIDATION, config.train_size // 5))


def _labelled(source: Source, config: DataConfig) -> tuple[dict[str, _Split], str, str, tuple[str, ...]]:
    """Find the columns, by the train table, and read every table by them.

    Returns the splits, the text and the label column, and the declared label names (none: empty).
    """
    order = [name for name in (TRAIN, VALIDATION, TEST) if name in source.tables]
    tables = {name: source.tables[name] for name in dict.fromkeys([*order, *source.tables])}
    first = next(iter(tables.values()))
    for option, column in (("--split-column", config.split_column), ("--group-column", config.group_column)):
        if column is not None:
            check_column(first, column, option)
    taken = {column for column in (config.split_column, config.group_column, config.label_column) if column}
    text = find_text_column(first, config.text_column, taken)
    label = find_label_column(first, text, config.label_column, taken)
    declared = source.class_names.get(label) or first.class_names.get(label) or ()
    if config.split_column is None:
        splits = {name: _read(table, text, label, declared) for name, table in tables.items()}
    elif len(tables) > 1:
        raise DataError(
            f"--split-column is for data in one file; {config.source} has the splits {listing(tables)} already."
        )
    else:
        splits = _by_column(_read(first, text, label, declared), config.split_column)
    return splits, text, label, tuple(declared)


def _read(table: Table, text: str, label: str, declared: tuple[str, ...]) -> _Split:
    check_column(table, text, "--text-column")
    texts = tuple(value or "" for value in table.columns[text])
    # A split without the label column is an unlabelled one.
    labels = label_values(table, label, declared) if label in table.columns else (None,) * len(texts)
    columns = {
        name: tuple(value or "" for value in values)
        for name, values in table.columns.items()
        if name not in (text, label)
    }
    rows = Rows(texts, np.full(len(texts), -1, dtype=np.int64), row_ids(texts), columns)
    return _Split(table, tuple(range(len(texts))), labels, rows)


def _by_column(whole: _Split, column: str) -> dict[str, _Split]:
    values = whole.table.columns[column]
    members: dict[str, list[int]] = {}
    for row, value in enumerate(values):
        if not value:
            raise DataError(f"{whole.table.where(row)}: no split in column {column!r}; train or test is expected.")
        members.setdefault(value, []).append(row)
    names = canonical_names(members, f"{whole.table.path}, column {column!r}")
    return {
        names[value]: _Split(whole.table, tuple(rows), tuple(whole.labels[row] for row in rows), whole.rows.take(rows))
        for value, rows in members.items()
    }


def _without_unlabelled(splits: dict[str, _Split], notes: list[str]) -> dict[str, _Split]:
    """Leave out the splits without labels: no value in any row, or the hub's -1 in every row where train has none."""
    kept = {}
    in_train = set(splits[TRAIN].labels) if TRAIN in splits else set()
    for name, part in splits.items():
        seen = set(part.labels)
        if seen == {None} or (seen == {"-1"} and "-1" not in in_train):
            notes.append(f"Split {name} ({len(part.labels):,} rows) holds no labels and was left out.")
        else:
            kept[name] = part
    return kept


def _with_labels(part: _Split, ids: Mapping[str, int]) -> Rows:
    labels = np.array([ids[label] for label in part.labels if label is not None], dtype=np.int64)
    return Rows(part.rows.texts, labels, part.rows.row_ids, part.rows.columns)


def _cut(rows: Rows, size: CutSize, config: DataConfig, name: str, notes: list[str]) -> tuple[Rows, Rows]:
    groups = rows.columns[config.group_column] if config.group_column is not None else None
    rest, part = cut(rows, size, config.seed, name, groups)
    whole = "the data" if name == TEST else "train"
    how = f"by groups of {config.group_column!r}" if groups is not None else "stratified by label"
    notes.append(f"No {name} split: {len(part):,} of the {len(rows):,} rows of {whole} were cut for it, {how}.")
    return rest, part


def _drawn(rows: Rows, size: int | None, config: DataConfig, name: str, notes: list[str]) -> Rows:
    if size is None or size == len(rows):
        return rows
    if size > len(rows):
        raise DataError(f"--{name}-size {size:,}: {name} has {len(rows):,} rows after the cuts. Ask for fewer.")
    notes.append(f"{name.capitalize()} is a stratified draw of {size:,} of {len(rows):,} rows, seed {config.seed}.")
    return draw(rows, size, config.seed, name)


def _shared_groups(column: str, splits: Mapping[str, Rows]) -> list[str]:
    """Say which of the source's own splits share groups; the cuts made here never do."""
    groups = {name: set(rows.columns.get(column, ())) - {""} for name, rows in splits.items()}
    notes = []
    for name in (VALIDATION, TEST):
        shared = len(groups[TRAIN] & groups[name])
        if shared:
            notes.append(f"{shared:,} groups of {column!r} stand in train and in {name}, as the source has them.")
    return notes
