"""Which words of a text mattered for an answer, by occlusion: each is left out once, and the answer looked at again.

Zeiler & Fergus 2014 (arXiv 1311.2901) cover a patch of a picture and watch the probability of its class; Li, Monroe &
Jurafsky 2016 (arXiv 1612.08220) erase words and do the same. It asks the model alone, so it fits every arm. What it
cannot see are words that say the same thing twice: leaving one of them out changes little.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# A text costs one answer a piece and one more.
MOST_PIECES = 48
# Chinese and Japanese put no blanks between words: there each character counts as one, with the punctuation around it.
_IDEOGRAPH = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_OPENING, _CLOSING = "「『（《〈【〔“‘", "、。，．！？；：…」』）》〉】〕”’"
# Elsewhere what stands between blanks is a word; one that is longer is cut, or a text of Thai would be a single piece.
_LONGEST = 24
_WORD = re.compile(rf"[{_OPENING}]*(?:[{_IDEOGRAPH}][{_CLOSING}]*|[^\s{_IDEOGRAPH}]{{1,{_LONGEST}}}+)\s*")
_JOINER = "\u200d"


@dataclass(frozen=True)
class Piece:
    """A word, or a run of neighbouring ones, with the white space after it.

    change: the label's probability with the piece minus without it, -1 to 1; above zero it speaks for the label.
    """

    text: str
    change: float


def occlude(
    score: Callable[[Sequence[str]], NDArray[np.float64]], text: str, label: int, most: int = MOST_PIECES
) -> tuple[Piece, ...]:
    """Return the pieces of `text` in order, each with what it does for the label; joined they are the text exactly.

    score: texts to probabilities [texts, labels]; it is called once, with `text` and one text a piece, or not at all
    where `text` is empty. label: the label's column. most: pieces at most; a longer text is taken in runs of
    neighbouring words, as even as can be.
    """
    pieces = _runs(_words(text), most)
    if not pieces:
        return ()
    probabilities = score([text, *(_without(pieces, index) for index in range(len(pieces)))])[:, label]
    changes = probabilities[0] - probabilities[1:]
    return tuple(Piece(piece, float(change)) for piece, change in zip(pieces, changes, strict=True))


def _words(text: str) -> list[str]:
    rest = text.lstrip()
    if not rest:
        return [text] if text else []
    words: list[str] = []
    for word in _WORD.findall(rest):
        if words and _belongs_to(words[-1], word):
            words[-1] += word
        else:
            words.append(word)
    return [text[: len(text) - len(rest)] + words[0], *words[1:]]


def _belongs_to(before: str, word: str) -> bool:
    """Whether `word` is no word: punctuation alone, or the rest of a character that a cut went through."""
    first = unicodedata.category(word[0])
    cut_through = first[0] == "M" or _JOINER in (before[-1], word[0])
    return cut_through or all(unicodedata.category(character)[0] == "P" for character in word.rstrip())


def _runs(words: Sequence[str], most: int) -> list[str]:
    count = min(len(words), most)
    edges = [index * len(words) // count for index in range(count + 1)] if count else []
    return ["".join(words[start:end]) for start, end in pairwise(edges)]


def _without(pieces: Sequence[str], index: int) -> str:
    before, after = "".join(pieces[:index]), "".join(pieces[index + 1 :])
    if after:
        return before + after
    # A blank that the last word leaves behind would be a last token of its own, and decoders answer from the last one.
    last = pieces[index]
    return before.rstrip() + last[len(last.rstrip()) :]
