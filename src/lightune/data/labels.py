"""From the values of a label column to label names and ids. A label is never altered: "001" and "1" are two."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

from lightune.data.tables import NUMBER, Table, listing
from lightune.errors import DataError

MOST_LABELS = 1_000
# Up to this many labels may all be different; beyond it, a label for every other row means a number or a free text.
_FEW = 20
_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_NUMBER = re.compile(r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]{1,3})?")


def label_values(table: Table, column: str, class_names: Sequence[str] | None) -> tuple[str | None, ...]:
    """Return each row's label, None where it has none.

    class_names: the names that the data set declares for the column. An id in the column becomes its name, -1 (the
    hub's sign for "no label") becomes None. Raises DataError naming the row of an id without a name.
    """
    values = table.columns[column]
    if not class_names:
        return tuple(value or None for value in values)
    ids = {str(number): name for number, name in enumerate(class_names)}
    names = set(class_names) if table.kinds[column] != NUMBER else set()
    found: list[str | None] = []
    for row, value in enumerate(values):
        if value is None or value in ("", "-1"):
            found.append(None)
        elif value in names:
            found.append(value)
        elif value in ids:
            found.append(ids[value])
        else:
            raise DataError(
                f"{table.where(row)}: label {value!r} is none of the {len(ids)} that the data set declares "
                f"({listing(class_names)})."
            )
    return tuple(found)


def label_names(train: Sequence[str], class_names: Sequence[str] | None, path: str) -> tuple[str, ...]:
    """Return the names of the labels that occur in train: in the declared order, else sorted.

    Labels that are all whole numbers sort as numbers. Raises DataError when there are fewer than two, or so many
    that the column must hold something else.
    """
    seen = set(train)
    if len(seen) < 2:
        only = f"only {listing(seen)}" if seen else "none"
        raise DataError(f"{path}: at least two labels are expected in train, {only} is there.")
    if len(seen) > MOST_LABELS or (len(seen) > _FEW and (2 * len(seen) > len(train) or _are_fractions(seen))):
        raise DataError(
            f"{path}: {len(train):,} rows have {len(seen):,} different labels, which looks like numbers to predict "
            "(regression) or free text; one of a few labels a text is expected. See --label-column."
        )
    bad = [name for name in seen if any("\ud800" <= character <= "\udfff" for character in name)]
    if bad:
        raise DataError(f"{path}: the label {bad[0]!r} is not valid Unicode. Give it another name.")
    if class_names:
        return tuple(name for name in class_names if name in seen)
    if all(_INTEGER.fullmatch(name) for name in seen):
        return tuple(sorted(seen, key=int))
    return tuple(sorted(seen))


def _are_fractions(labels: Collection[str]) -> bool:
    """Say whether all labels are numbers, and some not whole ones."""
    return all(_NUMBER.fullmatch(label) for label in labels) and any(not float(x).is_integer() for x in labels)


def check_missing(labels: Sequence[str | None], where: Callable[[int], str], split: str) -> None:
    """Raise DataError naming the first rows without a label."""
    missing = [row for row, label in enumerate(labels) if label is None]
    if missing:
        places = "; ".join(where(row) for row in missing[:3])
        more = f" and {len(missing) - 3:,} more" if len(missing) > 3 else ""
        raise DataError(
            f"{len(missing):,} of {len(labels):,} rows of {split} have no label: {places}{more}. "
            "Label them or take them out."
        )


def check_known(labels: Sequence[str | None], names: Sequence[str], split: str) -> None:
    """Raise DataError when a split has labels that train never has."""
    unknown: Mapping[str, int] = Counter(label for label in labels if label is not None and label not in names)
    if unknown:
        named = ", ".join(f"{name!r} ({count:,} rows)" for name, count in sorted(unknown.items())[:5])
        raise DataError(
            f"Split {split} has labels that train never has: {named}; train has {listing(names)}. "
            "Correct them, or add such rows to train."
        )


def positive_label(asked: str | None, names: Sequence[str]) -> str | None:
    """Return the label whose F1 is reported: the one asked for, else the second of two, else None.

    Raises DataError when it is not a label, or when there are more than two.
    """
    if asked is None:
        return names[1] if len(names) == 2 else None
    if asked not in names:
        raise DataError(f"--positive-label {asked!r} is not a label; the labels are {listing(names)}.")
    if len(names) > 2:
        raise DataError(f"--positive-label is for two labels; there are {len(names)}: {listing(names)}.")
    return asked
