"""Texts to token ids: one rule of cutting, and an answer for the empty text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightune.compute.reading import pieces, read_part
from lightune.compute.token_cache import TokenCache, cache_for
from lightune.compute.tokenising import tokenise

Ids = NDArray[np.int32]


@dataclass(frozen=True)
class Encoded:
    """Tokenised texts. ids: an int32 array a text, no padding, at least one token each. cut: bool [n], was it cut.

    spared: seconds that tokenising had taken for those texts whose tokens were kept from then; 0 without a cache."""

    ids: tuple[Ids, ...]
    cut: NDArray[np.bool_]
    spared: float = 0.0

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text, [n]."""
        return np.fromiter((len(row) for row in self.ids), dtype=np.int64, count=len(self.ids))


@dataclass(frozen=True)
class Encoder:
    """Encodes texts for one model.

    max_length: tokens of a text at most, the tokenizer's special ones included. truncate: what stays of a longer text:
    its `head`, its `tail`, or `head+tail`, half of each (Sun et al. 2019, arXiv 1905.05583), the odd token to the head.
    Of a text of more than 32 KiB no more than that is tokenised, see `read_part`. cache: keeps the uncut tokens on
    disk, so that encoders of other cuts share them.
    """

    tokenizer: Any
    max_length: int
    truncate: str
    cache: TokenCache | None = field(default=None, repr=False, compare=False)
    prefix: tuple[int, ...] = field(init=False)
    suffix: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        prefix, suffix = _special_tokens(self.tokenizer)
        object.__setattr__(self, "prefix", prefix)
        object.__setattr__(self, "suffix", suffix)
        if self.room < 1:
            raise ValueError(
                f"max_length {self.max_length} leaves no room beside {len(prefix) + len(suffix)} special tokens"
            )

    @property
    def room(self) -> int:
        """How many of a text's own tokens fit."""
        return self.max_length - len(self.prefix) - len(self.suffix)

    def cached(self, folder: Path, writing: bool = True) -> Encoder:
        """The same, with tokens kept in `folder`; itself where the tokenizer's tokens cannot be kept. writing: what is
        not there yet is added."""
        cache = cache_for(folder, self.tokenizer, writing)
        return self if cache is None else replace(self, cache=cache)

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Tokenise and cut `texts`. An empty text becomes one padding token that is attended to."""
        parts = [read_part(text, self.room, self.truncate) for text in texts]
        rows, spared = self._tokens(parts)
        before, after = np.asarray(self.prefix, dtype=np.int32), np.asarray(self.suffix, dtype=np.int32)
        ids: list[Ids] = []
        cut: list[bool] = []
        for text, part, tokens in zip(texts, parts, rows, strict=True):
            head, tail = kept_tokens(len(tokens), self.room, self.truncate)
            cut.append(head + tail < len(tokens) or len(part) < len(text))
            row = np.concatenate((before, tokens[:head], tokens[len(tokens) - tail :], after))
            ids.append(row if len(row) else np.asarray([self.tokenizer.pad_token_id], dtype=np.int32))
        return Encoded(tuple(ids), np.asarray(cut, dtype=np.bool_), spared)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens that each text has before it is cut, special ones included; those of a very long one are counted piece
        by piece."""
        extra = len(self.prefix) + len(self.suffix)
        parts = [list(pieces(text)) for text in texts]
        counts = (len(tokens) for tokens in self._tokens([part for own in parts for part in own])[0])
        return [sum(islice(counts, len(own))) + extra for own in parts]

    def _tokens(self, texts: Sequence[str]) -> tuple[Iterable[Ids], float]:
        """Each text's own tokens, uncut, and what they had taken where they were kept."""
        if self.cache is None:
            return tokenise(self.tokenizer, texts), 0.0
        kept = self.cache.get(texts, lambda lacking: tokenise(self.tokenizer, lacking))
        return kept.rows, kept.spared


def kept_tokens(length: int, room: int, truncate: str) -> tuple[int, int]:
    """How many of a text's `length` tokens stay where `room` fit, of its head and of its tail."""
    if length <= room:
        return length, 0
    tail = {"tail": room, "head+tail": room // 2}.get(truncate, 0)
    return room - tail, tail


def cut_tokens(tokens: list[int], room: int, truncate: str) -> list[int]:
    """Keep at most `room` of a text's tokens: its `head`, its `tail`, or `head+tail`."""
    head, tail = kept_tokens(len(tokens), room, truncate)
    return tokens[:head] + tokens[len(tokens) - tail :]


def _special_tokens(tokenizer: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The special tokens that the tokenizer puts before and after a text."""
    probe = "a"
    plain = tokenizer(probe, add_special_tokens=False)["input_ids"]
    whole = tokenizer(probe)["input_ids"]
    for start in range(len(whole) - len(plain) + 1):
        if whole[start : start + len(plain)] == plain:
            return tuple(whole[:start]), tuple(whole[start + len(plain) :])
    raise ValueError(f"{type(tokenizer).__name__} puts special tokens inside a text")
