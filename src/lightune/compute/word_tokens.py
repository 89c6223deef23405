"""Each word through the tokenizer once: texts of one language are made of the same words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Where texts may be taken apart so that the pieces' tokens are the text's. A byte-level pre-tokenizer's tokens never
# go on from another character into white space, and what it makes of white space depends on what follows alone. BERT's
# drops blanks, but some white space that is not a blank is dropped before it can part two words.
PIECES = {"ByteLevel": re.compile(r"\s*\S+|\s+", re.ASCII), "BertPreTokenizer": re.compile(r" *[^ ]+")}
NORMALIZERS = {"ByteLevel": ("NoneType",), "BertPreTokenizer": ("NoneType", "BertNormalizer")}
# White space that the expressions above take for other characters.
ODD_SPACE = re.compile("[\x85\xa0\u1680\u180e\u2000-\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]")
# Words a list: an answer of the tokenizers library costs as much as many words, and lists are worked on in parallel.
WORDS = 500
# Memory for what is known, about; all of it is forgotten when it is full.
KNOWN_BYTES = 64 * 2**20
# Of a word with its tokens beside its characters: two Python objects and their place in a dict.
WORD_BYTES = 200


def splits_at_words(backend: Any) -> bool:
    """Whether the text's tokens are those of its words, one after the other, for this tokenizer of the tokenizers
    library. False where that is not known."""
    kind = type(backend.pre_tokenizer).__name__
    if kind not in PIECES or type(backend.normalizer).__name__ not in NORMALIZERS[kind]:
        return False
    if kind == "ByteLevel" and (backend.pre_tokenizer.add_prefix_space or not backend.pre_tokenizer.use_regex):
        return False
    # A token that was added may hold a blank or swallow those around it; special ones are read as plain characters.
    added = backend.get_added_tokens_decoder().values()
    plain = backend.encode_special_tokens and all(token.special for token in added)
    return bool(plain) and not getattr(backend.model, "dropout", None)


class WordTokens:
    """The token ids of words, kept while many texts are tokenised. backend: one that `splits_at_words`."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._pieces = PIECES[type(backend.pre_tokenizer).__name__].findall
        # The ids as the bytes of an int32 array: a text's are then one join away.
        self._known: dict[str, bytes] = {}
        self._held = 0

    def tokens(self, texts: Sequence[str]) -> Iterator[NDArray[np.int32]]:
        """Give each text's token ids, int32 [tokens], read-only."""
        apart = [[] if _is_odd(text) else self._pieces(text) for text in texts]
        if self._held > KNOWN_BYTES:
            self._known.clear()
            self._held = 0
        self._learn(list(set().union(*apart).difference(self._known)))
        get = self._known.__getitem__
        for text, pieces in zip(texts, apart, strict=True):
            if pieces:
                yield np.frombuffer(b"".join(map(get, pieces)), dtype=np.int32)
            else:
                yield np.asarray(self._backend.encode(text, add_special_tokens=False).ids, dtype=np.int32)

    def _learn(self, words: list[str]) -> None:
        lists = [words[start : start + WORDS] for start in range(0, len(words), WORDS)]
        found = self._backend.encode_batch(lists, is_pretokenized=True, add_special_tokens=False)
        for own, encoding in zip(lists, found, strict=True):
            ids = np.asarray(encoding.ids, dtype=np.int32)
            ends = np.searchsorted(np.asarray(encoding.word_ids, dtype=np.int64), np.arange(len(own)), side="right")
            whole, size, start = ids.tobytes(), ids.itemsize, 0
            for word, end in zip(own, ends.tolist(), strict=True):
                self._known[word] = whole[size * start : size * end]
                start = end
        self._held += WORD_BYTES * len(words) + sum(map(len, words))


def _is_odd(text: str) -> bool:
    return not text.isascii() and ODD_SPACE.search(text) is not None
