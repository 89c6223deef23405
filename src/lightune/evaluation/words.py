"""The words of a text, for every analysis that counts or compares them."""

from __future__ import annotations

import re

# Chinese and Japanese put no blanks between words: there each character counts as one.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|\w+(?:'\w+)*")
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u02bc": "'"})


def words(text: str) -> list[str]:
    """Return the words of a text in lower case: runs of letters and digits, apostrophes within kept (`don't`).

    Punctuation and symbols are left out. Each Chinese or Japanese character is a word.
    """
    return _WORD.findall(text.translate(_APOSTROPHES).lower())
