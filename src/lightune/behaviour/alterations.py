"""Changes of a text's letters, case and punctuation that leave its sense alone."""

from __future__ import annotations

import re
from collections.abc import Callable

from lightune.behaviour.drawing import draw

# Shorter words too easily become other words.
_WORD = re.compile(r"\b[^\W\d_]{6,}\b")
_MARKS = re.compile(r"[.,;:!?]+(?=\s|$)")
_LAST_MARK = re.compile(r"[.!?]?\s*$")


def alter(text: str, name: str, key: str) -> str:
    """Return the text altered as `ALTERATIONS[name]` does it; key: draws the place. The same text where it cannot."""
    return ALTERATIONS[name](text, key)


def _in_a_word(text: str, key: str, change: Callable[[str, int], str]) -> str:
    """Change one long word at one of its inner letters, the first and the last one left alone."""
    words = list(_WORD.finditer(text))
    if not words:
        return text
    word = words[draw(len(words), key, "word")]
    at = [i for i in range(1, len(word[0]) - 2) if word[0][i] != word[0][i + 1]]
    if not at:
        return text
    changed = change(word[0], at[draw(len(at), key, "letter")])
    return text[: word.start()] + changed + text[word.end() :]


def _swap_letters(text: str, key: str) -> str:
    return _in_a_word(text, key, lambda word, i: word[:i] + word[i + 1] + word[i] + word[i + 2 :])


def _double_letter(text: str, key: str) -> str:
    return _in_a_word(text, key, lambda word, i: word[: i + 1] + word[i:])


def _drop_letter(text: str, key: str) -> str:
    return _in_a_word(text, key, lambda word, i: word[:i] + word[i + 1 :])


def _upper(text: str, _: str) -> str:
    return text.upper()


def _lower(text: str, _: str) -> str:
    return text.lower()


def _no_punctuation(text: str, _: str) -> str:
    return _MARKS.sub("", text)


def _exclaim(text: str, _: str) -> str:
    return _LAST_MARK.sub("!", text, count=1)


def _wide_spaces(text: str, _: str) -> str:
    return text.replace(" ", "  ")


ALTERATIONS: dict[str, Callable[[str, str], str]] = {
    "swapped letters": _swap_letters,
    "doubled letter": _double_letter,
    "missing letter": _drop_letter,
    "upper case": _upper,
    "lower case": _lower,
    "no punctuation": _no_punctuation,
    "exclamation mark": _exclaim,
    "wide spaces": _wide_spaces,
}
