"""Texts to token ids: one rule of cutting, and an answer for the empty text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK = 1000
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Encoded:
    """Tokenised texts. ids: an int32 array a text, no padding, at least one token each. cut: bool [n], was it cut."""

    ids: tuple[NDArray[np.int32], ...]
    cut: NDArray[np.bool_]

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
    """

    tokenizer: Any
    max_length: int
    truncate: str
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

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Tokenise and cut `texts`. An empty text becomes one padding token that is attended to."""
        ids: list[NDArray[np.int32]] = []
        cut: list[bool] = []
        for tokens in self._tokens(texts):
            kept = cut_tokens(tokens, self.room, self.truncate)
            cut.append(len(kept) < len(tokens))
            row = [*self.prefix, *kept, *self.suffix] or [self.tokenizer.pad_token_id]
            ids.append(np.asarray(row, dtype=np.int32))
        return Encoded(tuple(ids), np.asarray(cut, dtype=np.bool_))

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens that each text has before it is cut, special ones included."""
        extra = len(self.prefix) + len(self.suffix)
        return [len(tokens) + extra for tokens in self._tokens(texts)]

    def _tokens(self, texts: Sequence[str]) -> Iterator[list[int]]:
        for start in range(0, len(texts), CHUNK):
            # The tokenizers library works on a list in parallel, and a chunk bounds the memory of its answer.
            # Half a surrogate pair is no character: the tokenizer refuses it, and sees U+FFFD in its place.
            chunk = [LONE_SURROGATE.sub("\ufffd", text) for text in texts[start : start + CHUNK]]
            yield from self.tokenizer(
                chunk, add_special_tokens=False, return_attention_mask=False, return_token_type_ids=False, verbose=False
            )["input_ids"]


def cut_tokens(tokens: list[int], room: int, truncate: str) -> list[int]:
    """Keep at most `room` of a text's tokens: its `head`, its `tail`, or `head+tail`."""
    if len(tokens) <= room:
        return tokens
    tail = {"tail": room, "head+tail": room // 2}.get(truncate, 0)
    return tokens[: room - tail] + tokens[len(tokens) - tail :]


def _special_tokens(tokenizer: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The special tokens that the tokenizer puts before and after a text."""
    probe = "a"
    plain = tokenizer(probe, add_special_tokens=False)["input_ids"]
    whole = tokenizer(probe)["input_ids"]
    for start in range(len(whole) - len(plain) + 1):
        if whole[start : start + len(plain)] == plain:
            return tuple(whole[:start]), tuple(whole[start + len(plain) :])
    raise ValueError(f"{type(tokenizer).__name__} puts special tokens inside a text")
