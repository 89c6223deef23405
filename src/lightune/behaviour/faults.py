"""Where something stands in a suite's file, and the sentence that says what is wrong with it."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from lightune.errors import ConfigError

LONGEST_TEXT = 2_000
MOST_NAMES = 500
_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = 60


@dataclass(frozen=True)
class Place:
    """A place in a suite: the file, then the test and the keys that lead there."""

    file: str
    keys: tuple[str, ...] = ()

    def at(self, key: str) -> Place:
        """Return the place one key further in."""
        return replace(self, keys=(*self.keys, key))

    def fault(self, sentences: str) -> ConfigError:
        """Return the error that says `sentences` of this place."""
        return ConfigError(f"{', '.join((self.file, *self.keys))}: {sentences}")

    def expected(self, what: str, value: Any, do: str) -> ConfigError:
        """Return the error that says what was expected, what was seen and what to do."""
        return self.fault(f"{what} is expected, got {seen(value)}. {do}")


def seen(value: Any) -> str:
    """Say in a few words what a value of the file is."""
    if value == "":
        return "nothing"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"keys ({_brief.repr(list(value))[1:-1]})"
    return _brief.repr(value)


def listed(names: Collection[str]) -> str:
    """Name at most 20 of them."""
    shown = ", ".join(list(names)[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def as_text(value: Any, place: Place, most: int = LONGEST_TEXT) -> str:
    """Return a text of 1 to `most` characters. Raises ConfigError."""
    if isinstance(value, dict):
        raise place.expected("a text", value, "A text that begins with { or holds a colon and a space needs quotes.")
    if not isinstance(value, str) or not value.strip():
        raise place.expected("a text", value, "Write one, or take the key out.")
    if len(value) > most:
        raise place.fault(f"at most {most:,} characters are expected, got {len(value):,}. Make it shorter.")
    return value


def as_list(value: Any, place: Place, most: int) -> list[Any]:
    """Return a list of 1 to `most` items. Raises ConfigError."""
    if not isinstance(value, list) or not value:
        raise place.expected("a list", value, "Write each item on a line of its own after a dash.")
    if len(value) > most:
        raise place.fault(f"at most {most:,} items are expected, got {len(value):,}. Take some out.")
    return value


def as_mapping(value: Any, place: Place, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Any]:
    """Return a mapping that has the required keys and no others but the optional ones. Raises ConfigError."""
    known = (*required, *optional)
    if not isinstance(value, dict):
        raise place.expected(f"a mapping with the keys {listed(known)}", value, "Write each as `key: value`.")
    for key in value:
        if key not in known:
            raise place.fault(f"{_brief.repr(key)} is no key here; the keys are {listed(known)}. Correct it.")
    for key in required:
        if key not in value:
            raise place.fault(f"the key {key!r} is expected and is not there. Add it.")
    return value


def named(value: Any, place: Place, what: str) -> dict[str, Any]:
    """Return a mapping from names of the user's own choice, at least one. Raises ConfigError."""
    if not isinstance(value, dict) or not value:
        raise place.expected(f"a mapping of {what}", value, "Write each as `name: value`.")
    if len(value) > MOST_NAMES:
        raise place.fault(f"at most {MOST_NAMES} are expected, got {len(value):,}. Take some out.")
    for key in value:
        as_text(key, place, 100)
    return value


def as_number(value: Any, place: Place, low: float, high: float, whole: bool = False) -> float:
    """Return a number from low to high. Raises ConfigError."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not low <= number <= high or (whole and not number.is_integer()):
        kind = "whole number" if whole else "number"
        raise place.expected(f"a {kind} from {low:g} to {high:g}", value, "Correct it.")
    return number
