"""Which label counts as the positive one."""

from __future__ import annotations

from collections.abc import Sequence


def positive_index(label_names: Sequence[str], positive_label: str | None) -> int | None:
    """Return the index of the positive label: of two labels the named one, by default the second.

    With any other number of labels there is no positive one: None, whatever was named. Raises ValueError if neither of
    two labels has the name.
    """
    if len(label_names) != 2:
        return None
    if positive_label is None:
        return 1
    if positive_label not in label_names:
        raise ValueError(f"The positive label should be {' or '.join(label_names)}, got {positive_label}.")
    return list(label_names).index(positive_label)


def checked_positive(positive: int | None, k: int) -> int | None:
    """Return the positive label's index for k labels; None of two labels means the second.

    Raises ValueError where two labels have no such index, or more labels have a positive one.
    """
    if k == 2:
        if positive not in (None, 0, 1):
            raise ValueError(f"positive: 0, 1 or None is expected for two labels, got {positive}.")
        return 1 if positive is None else positive
    if positive is not None:
        raise ValueError(f"positive: None is expected for {k} labels, got {positive}.")
    return None
