"""Texts to their uncut token ids, as the tokenizer itself would give them, only sooner."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightune.compute.word_tokens import WordTokens, splits_at_words

Ids = NDArray[np.int32]

# Texts, and characters of them, that are tokenised at once: a chunk bounds the memory of an answer.
CHUNK = 1000
CHUNK_CHARACTERS = 2**22
# Fewer texts than this have too few words in common.
WORTH = 100
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def tokenise(tokenizer: Any, texts: Sequence[str]) -> Iterator[Ids]:
    """Give each text's token ids, int32 [tokens], without special tokens and uncut. The arrays are not for writing.

    They are to the id what `tokenizer(text, add_special_tokens=False)` gives. Many texts go word by word where the
    tokenizer allows it, each word once; else they go in lists, on which the tokenizers library works in parallel.
    """
    backend = backend_of(tokenizer)
    words = WordTokens(backend) if len(texts) >= WORTH and backend is not None and splits_at_words(backend) else None
    for given in chunks(texts):
        chunk = [characters(text) for text in given]
        if words is not None:
            yield from words.tokens(chunk)
        elif backend is not None:
            # Without the tokens' places in the text, which nobody reads here and which take a third of the time.
            found = backend.encode_batch_fast(chunk, add_special_tokens=False)
            yield from (np.asarray(encoding.ids, dtype=np.int32) for encoding in found)
        else:
            called = tokenizer(chunk, add_special_tokens=False, verbose=False)
            yield from (np.asarray(ids, dtype=np.int32) for ids in called["input_ids"])


def chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Give all of `texts` in their order, in lists that are tokenised at once."""
    start = size = 0
    for at, text in enumerate(texts):
        if at > start and (at - start == CHUNK or size + len(text) > CHUNK_CHARACTERS):
            yield texts[start:at]
            start, size = at, 0
        size += len(text)
    if len(texts):
        yield texts[start:]


def characters(text: str) -> str:
    """Half a surrogate pair is no character: the tokenizer refuses it, and sees U+FFFD in its place."""
    return text if text.isascii() else LONE_SURROGATE.sub("\ufffd", text)


def tokenizer_digest(tokenizer: Any) -> str | None:
    """SHA-256 of all that the ids of a text depend on: vocabulary, merges, normaliser, added tokens, how special tokens
    are read, and the library's version. None where that cannot be told: a tokenizer that draws, or has a part written
    in Python."""
    import tokenizers

    backend = backend_of(tokenizer)
    if backend is None or getattr(backend.model, "dropout", None):
        return None
    try:
        state = backend.to_str()
    except Exception as error:
        # For a part written in Python the library raises this bare class, of which all else is a kind.
        if type(error) is not Exception:
            raise
        return None
    told = [tokenizers.__version__, bool(backend.encode_special_tokens), state]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def backend_of(tokenizer: Any) -> Any:
    """The tokenizers library's own object, set to neither cut nor pad, as a call of the tokenizer sets it.

    None for a tokenizer that has none, or does more than hand the texts to it.
    """
    from transformers import PreTrainedTokenizerFast

    kind = type(tokenizer)
    if (
        not isinstance(tokenizer, PreTrainedTokenizerFast)
        or kind._encode_plus is not PreTrainedTokenizerFast._encode_plus
    ):
        return None
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    backend.encode_special_tokens = tokenizer.split_special_tokens
    return backend
