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
    pieces = pieces_of(text, most)
    return changes(pieces, score(variants(pieces))[:, label]) if pieces else ()


def pieces_of(text: str, most: int = MOST_PIECES) -> list[str]:
    """Take a text apart, into `most` pieces at most; joined they are the text exactly, and an empty one has none."""
    return _runs(_words(text), most)


def variants(pieces: Sequence[str]) -> list[str]:
    """The text that the pieces are of, and then, in order, what is left of it without each."""
    return ["".join(pieces), *(_without(pieces, index) for index in range(len(pieces)))]


def changes(pieces: Sequence[str], probabilities: NDArray[np.float64]) -> tuple[Piece, ...]:
    """What each piece does for a label. probabilities: the label's [1 + pieces], of each of the `variants`."""
    found = probabilities[0] - probabilities[1:]
    return tuple(Piece(piece, float(change)) for piece, change in zip(pieces, found, strict=True))


def _words(text: str) -> list[str]:
    rest = text.lstrip()
    if not rest:
        return [text] if text else []
    at = len(text) - len(rest)
    starts: list[int] = []
    for word in _WORD.findall(rest):
        if not starts or not _belongs_to(text[at - 1], word):
            starts.append(at if starts else 0)
        at += len(word)
    return [text[start:end] for start, end in pairwise([*starts, len(text)])]


def _belongs_to(before: str, word: str) -> bool:
    """Whether `word`, after the character `before`, is no word: punctuation alone, or the rest of a character that a
    cut went through."""
    first = unicodedata.category(word[0])
    cut_through = first[0] == "M" or _JOINER in (before, word[0])
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
