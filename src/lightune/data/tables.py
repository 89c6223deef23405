"""A table of strings: what every reader makes, and all that the rest of the data layer sees of a file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lightune.errors import DataError

TEXT, NUMBER, BOOLEAN, NESTED, BINARY = "text", "number", "boolean", "nested", "binary"


@dataclass(frozen=True)
class Part:
    """The rows that one file gave. lines: for each row the line it begins on, from 1; None where rows are not lines."""

    path: str
    rows: int
    lines: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Table:
    """Columns of equal length. A value is the text that stands in the file, or None where the file has no value.

    kinds: what each column's values were in the file: text, number, boolean, nested (lists and objects, kept as
    JSON text) or binary (not kept: every value is None). class_names: names of the ids in a column that was declared
    as a ClassLabel. parts: the files, in row order.
    """

    columns: Mapping[str, tuple[str | None, ...]]
    kinds: Mapping[str, str]
    parts: tuple[Part, ...]
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(part.rows for part in self.parts)

    @property
    def path(self) -> str:
        """The file as messages name it; the first of several."""
        return self.parts[0].path if len(self.parts) == 1 else f"{self.parts[0].path} and {len(self.parts) - 1} more"

    @property
    def line_numbers(self) -> tuple[int, ...] | None:
        """The line on which each row begins in its file, from 1; None where a part's rows are not lines."""
        numbers: list[int] = []
        for part in self.parts:
            if part.lines is None:
                return None
            numbers.extend(part.lines)
        return tuple(numbers)

    def where(self, row: int) -> str:
        """Name the place of a row for a message: `reviews.csv, line 12`. Rows that are not lines count from 1."""
        for part in self.parts:
            if row < part.rows:
                place = f"row {row + 1}" if part.lines is None else f"line {part.lines[row]}"
                return f"{part.path}, {place}"
            row -= part.rows
        raise IndexError(row)


def text_table(path: str, columns: Mapping[str, tuple[str | None, ...]], lines: tuple[int, ...] | None = None) -> Table:
    """Make a table of one part whose columns all hold text."""
    rows = len(next(iter(columns.values()), ()))
    return Table(columns, dict.fromkeys(columns, TEXT), (Part(path, rows, lines),))


def concat(tables: Sequence[Table]) -> Table:
    """Put the shards of one split below each other. Raises DataError where their columns differ."""
    first = tables[0]
    if len(tables) == 1:
        return first
    for table in tables[1:]:
        if set(table.columns) != set(first.columns):
            raise DataError(
                f"The files of one split should have the same columns: {first.path} has {listing(first.columns)}, "
                f"{table.path} has {listing(table.columns)}."
            )
    return Table(
        columns={name: tuple(v for table in tables for v in table.columns[name]) for name in first.columns},
        kinds={name: common_kind({table.kinds[name] for table in tables}) for name in first.columns},
        parts=tuple(part for table in tables for part in table.parts),
        class_names=first.class_names,
    )


def listing(names: Iterable[str], most: int = 12) -> str:
    """Write names for a message: quoted, and the rest counted where there are many."""
    quoted = [repr(name) for name in names]
    shown = ", ".join(quoted[:most])
    return shown if len(quoted) <= most else f"{shown} and {len(quoted) - most} more"


def common_kind(kinds: Collection[str]) -> str:
    """What a column is whose parts are of these kinds; text where there is none."""
    return next(iter(kinds)) if len(kinds) == 1 else NESTED if NESTED in kinds else TEXT
