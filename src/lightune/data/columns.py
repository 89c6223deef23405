"""Which column holds the texts, and which the labels."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lightune.data.tables import BINARY, NESTED, TEXT, Table, listing
from lightune.errors import DataError

TEXT_NAMES = (
    "text",
    "review",
    "review_text",
    "review_body",
    "sentence",
    "content",
    "comment",
    "message",
    "body",
    "tweet",
    "document",
    "article",
    "utterance",
    "query",
    "question",
    "abstract",
    "description",
    "input",
)
LABEL_NAMES = (
    "label",
    "labels",
    "sentiment",
    "class",
    "category",
    "target",
    "stars",
    "rating",
    "intent",
    "emotion",
    "topic",
    "polarity",
    "output",
)
PAIRS = (("sentence1", "sentence2"), ("premise", "hypothesis"), ("question1", "question2"), ("text1", "text2"))
# A text column that no name gives away has values this long, and mostly different ones.
_LONG, _VARIED = 20, 0.5
# A label column that no name gives away has this many values at most.
_FEW = 50


def find_text_column(table: Table, name: str | None = None, but: Collection[str] = ()) -> str:
    """Return the column of the texts: the named one, else the one with a well-known name, else the only long one.

    but: columns that are spoken for. Raises DataError listing the columns when the name is wrong, the column does
    not hold text, or none or several could be meant.
    """
    if name is not None:
        return _named(table, name, "--text-column", "text")
    if len(table.columns) == 1:
        _check_separated(table)
        return _named(table, next(iter(table.columns)), "--text-column", "text")
    free = [column for column in table.columns if column not in but]
    known = _known_texts(table, free)
    others = [c for c in free if table.kinds[c] == TEXT and c.lower() not in LABEL_NAMES]
    return _only(table, known or [c for c in others if _is_prose(table, c)], "text", "--text-column")


def known_text_column(table: Table, name: str | None = None) -> str:
    """Return the named column, else the one with a well-known name: whatever the rows hold, unlike `find_text_column`.

    Raises DataError as it does.
    """
    if name is not None:
        return _named(table, name, "--text-column", "text")
    return _only(table, _known_texts(table, list(table.columns)), "text", "--text-column")


def find_label_column(table: Table, text_column: str, name: str | None = None, but: Collection[str] = ()) -> str:
    """Return the column of the labels: the named one, else a well-known name, else the only one with few values.

    Raises DataError as `find_text_column` does, and when a text can have several labels.
    """
    if name is not None:
        if name == text_column:
            raise DataError(f"--label-column {name!r} is the text column too: name two different columns.")
        return _named(table, name, "--label-column", "label")
    free = [column for column in table.columns if column != text_column and column not in but]
    found = _known(free, LABEL_NAMES) or (free if len(free) == 1 else [c for c in free if _is_label(table, c)])
    return _named(table, _only(table, found, "label", "--label-column"), "--label-column", "label")


def check_column(table: Table, name: str, option: str) -> None:
    """Raise DataError listing the columns there are when `name` is not one of them."""
    if name not in table.columns:
        close = [column for column in table.columns if column.lower() == name.lower()]
        hint = f"; did you mean {close[0]!r}?" if close else "."
        raise DataError(f"{option} {name!r}: {table.path} has no such column, it has {listing(table.columns)}{hint}")


def _named(table: Table, name: str, option: str, role: str) -> str:
    check_column(table, name, option)
    kind = table.kinds[name]
    if kind == NESTED and role == "label":
        raise DataError(
            f"{table.path}: column {name!r} holds lists or objects; one label a text is expected, "
            "several labels a text are not supported."
        )
    if kind in (NESTED, BINARY):
        what = "lists or objects" if kind == NESTED else "binary values"
        raise DataError(f"{table.path}: column {name!r} holds {what}, {role}s are expected; see {option}.")
    return name


def _known_texts(table: Table, free: Sequence[str]) -> list[str]:
    """The columns of texts with a well-known name. Raises DataError where texts come in pairs."""
    lower = {column.lower() for column in free}
    for pair in PAIRS:
        if lower.issuperset(pair):
            raise DataError(
                f"{table.path} holds text pairs ({listing(pair)}), which are not supported: "
                "name the one column to read with --text-column."
            )
    return _known([column for column in free if table.kinds[column] == TEXT], TEXT_NAMES)


def _known(columns: Sequence[str], names: Sequence[str]) -> list[str]:
    """The columns with a well-known name; only the first name where it is among them."""
    first = [column for column in columns if column.lower() == names[0]]
    return first or [column for column in columns if column.lower() in names]


def _only(table: Table, found: Sequence[str], role: str, option: str) -> str:
    if len(found) == 1:
        return found[0]
    what = f"{listing(found)} could each be the {role}s" if found else f"none of the columns is known to hold {role}s"
    _check_separated(table)
    raise DataError(f"{table.path}: {what}; the columns are {listing(table.columns)}. Name one with {option}.")


def _check_separated(table: Table) -> None:
    """Refuse a single column whose name holds what other programs put between values."""
    if len(table.columns) == 1 and set(";\t|") & set(next(iter(table.columns))):
        raise DataError(
            f"{table.path} has one column, {listing(table.columns)}: values should be separated by commas (.csv) "
            "or tabs (.tsv)."
        )


def _is_prose(table: Table, column: str) -> bool:
    values = [value for value in table.columns[column] if value]
    long = sum(map(len, values)) >= _LONG * max(len(values), 1)
    return bool(values) and long and len(set(values)) >= _VARIED * len(values)


def _is_label(table: Table, column: str) -> bool:
    values = {value for value in table.columns[column] if value}
    return table.kinds[column] != BINARY and 2 <= len(values) <= min(_FEW, table.rows // 2)
