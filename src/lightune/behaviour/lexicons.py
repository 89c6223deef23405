"""The labels and the fillers of a suite's file, checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lightune.behaviour.faults import Place, as_list, as_text, listed, named
from lightune.behaviour.templates import PLAIN, Filler

MOST_LABELS = 200
MOST_FILLERS = 2_000


def checked_labels(value: Any, place: Place) -> Mapping[str, str] | None:
    """Return the suite's words for labels -> label names; None for `polarity` or nothing. Raises ConfigError."""
    if value is None or value == "polarity":
        return None
    if isinstance(value, str):
        what = "`polarity`, a list of label names, or a mapping of words to label names"
        raise place.expected(what, value, "Write one of them.")
    if isinstance(value, list):
        value = {as_text(name, place): name for name in as_list(value, place, MOST_LABELS)}
    labels = {word: as_text(name, place.at(word)) for word, name in named(value, place, "words to label names").items()}
    if len(labels) < 2 or len(set(labels.values())) < len(labels):
        raise place.fault(f"at least two labels are expected, each once, got {listed(labels.values())}. Correct them.")
    return labels


def checked_fillers(value: Any, words: Sequence[str], place: Place) -> dict[str, tuple[Filler, ...]]:
    """Return fillers by the name of their slot; words: the suite's words for labels. Raises ConfigError."""
    if value is None:
        return {}
    return {
        name: _filler_set(items, words, place.at(name))
        for name, items in named(value, place, "names to fillers").items()
    }


def check_words(value: Mapping[str, Any], words: Sequence[str], place: Place) -> None:
    """Raise ConfigError unless the keys are some of the suite's words for labels."""
    if not value:
        raise place.expected(f"lists by label ({listed(words)})", "", "Add one.")
    for word in value:
        if word not in words:
            raise place.expected(f"one of the suite's labels ({listed(words)})", word, "Correct it.")


def _filler_set(value: Any, words: Sequence[str], place: Place) -> tuple[Filler, ...]:
    """Return the fillers of a list, or of lists by the label that they stand for."""
    fillers: list[Filler] = []
    if isinstance(value, dict):
        check_words(value, words, place)
        for word, items in value.items():
            fillers += _filler_list(items, word, place.at(word))
    else:
        fillers = _filler_list(value, None, place)
    first = fillers[0]
    for filler in fillers:
        if set(filler.forms) != set(first.forms):
            raise place.fault(
                f"the same forms of each filler are expected; {first.text!r} has {_form_names(first)}, "
                f"{filler.text!r} has {_form_names(filler)}. Give each the same."
            )
    text, times = Counter(filler.text for filler in fillers).most_common(1)[0]
    if times > 1:
        raise place.fault(f"each filler once is expected, {text!r} stands there {times} times. Take one out.")
    return tuple(fillers)


def _form_names(filler: Filler) -> str:
    return "no forms" if PLAIN in filler.forms else listed(filler.forms)


def _filler_list(value: Any, label: str | None, place: Place) -> list[Filler]:
    return [Filler(_forms(item, place), label) for item in as_list(value, place, MOST_FILLERS)]


def _forms(value: Any, place: Place) -> dict[str, str]:
    if not isinstance(value, dict):
        return {PLAIN: as_text(value, place)}
    return {form: as_text(text, place.at(form)) for form, text in named(value, place, "forms to texts").items()}
