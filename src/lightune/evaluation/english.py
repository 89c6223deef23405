"""Are these texts English?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lightune.evaluation.words import words

# Frequent in English, rare in code and in other languages that use the same letters. So `in`, `is`, `was`, `on`, `me`,
# `no` and `a`, which are Dutch, German, French or Spanish words too, are left out, and `for`, `if`, `not`, `with`,
# `this`, which programs are full of.
_WORDS = """
    the and of to that it it's but you your my i'm i've are were be been being have has had they their them he's she
    his him its what which who when where how why there because would could should about from into than then these
    those we're our don't doesn't didn't isn't wasn't can't won't can very just only more all some any after before
    while
"""
FUNCTION_WORDS = frozenset(_WORDS.split())
THRESHOLD = 0.1
SAMPLE, WORDS_EACH = 1_000, 200


def looks_english(texts: Sequence[str]) -> bool:
    """Tell whether at least 10 % of the words are English function words; False where there are no words.

    Of up to 1,000 texts, spread evenly, the first 200 words each are counted, all texts together. English reviews have
    about 28 %, other languages and code mostly under 8 %. Bare headlines, with few such words, may fall short, and a
    mixture of which a third or more is English passes.
    """
    places = np.unique(np.linspace(0, len(texts) - 1, SAMPLE).astype(np.int64)) if texts else ()
    sample = [word for place in places for word in words(texts[place])[:WORDS_EACH]]
    return bool(sample) and sum(word in FUNCTION_WORDS for word in sample) >= THRESHOLD * len(sample)
