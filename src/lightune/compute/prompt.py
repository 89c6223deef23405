"""Prompt templates: a text set into words that a label's word goes on from, as token ids that fit the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightune.compute.encoding import Encoded, Encoder, cut_tokens
from lightune.compute.reading import read_part
from lightune.compute.tokenising import characters, chunks
from lightune.errors import ConfigError

TEXT, LABEL = "{text}", "{label}"


@dataclass(frozen=True)
class Prompt:
    """A template with one `{text}` and, after it, one `{label}`; other braces are plain characters.

    What follows the label is left out of the score: the label is judged by what stands before it. The spaces before
    the label belong to the label's word, as they do in a running text's tokens. Raises ConfigError.
    """

    template: str

    def __post_init__(self) -> None:
        for placeholder in (TEXT, LABEL):
            times = self.template.count(placeholder)
            if times != 1:
                seen = f"{placeholder} is missing" if not times else f"{placeholder} stands there {times} times"
                raise ConfigError(
                    f"Prompt template {self.template!r}: one {TEXT} and one {LABEL} are expected, but {seen}. Write "
                    f"{TEXT} where the text goes and {LABEL} where the label's word goes."
                )
        if self.template.index(LABEL) < self.template.index(TEXT):
            raise ConfigError(
                f"Prompt template {self.template!r}: {LABEL} stands before {TEXT}, but a language model reads from "
                f"left to right. Put {LABEL} after {TEXT}."
            )

    @property
    def before(self) -> str:
        """What stands before the text."""
        return self.template.partition(TEXT)[0]

    @property
    def between(self) -> str:
        """What stands between the text and the label, without the spaces at its end."""
        return self._middle.rstrip(" ")

    @property
    def gap(self) -> str:
        """The spaces right before the label."""
        return self._middle[len(self.between) :]

    @property
    def _middle(self) -> str:
        return self.template.partition(TEXT)[2].partition(LABEL)[0]


def word_tokens(tokenizer: Any, prompt: Prompt, word: str) -> tuple[int, ...]:
    """Return the token ids of `word` as it stands in the prompt, its leading space included. Raises ConfigError."""
    context = prompt.between or "."
    plain = {"add_special_tokens": False, "verbose": False}
    known = tokenizer(context, **plain)["input_ids"]
    whole = tokenizer(context + prompt.gap + word, **plain)["input_ids"]
    # Where the tokens run across the seam, the word is read alone.
    joins = whole[: len(known)] == known
    tokens = whole[len(known) :] if joins else tokenizer(prompt.gap + word, **plain)["input_ids"]
    if not tokens:
        raise ConfigError(f"Label word {word!r}: the model's tokenizer makes no token of it. Give another word.")
    return tuple(tokens)


def encode_prompts(
    tokenizer: Any, prompt: Prompt, texts: Sequence[str], max_length: int, truncate: str, answer: int
) -> Encoded:
    """Tokenise the prompt up to its label for each of `texts`, as one running text.

    answer: tokens of the longest label word. A longer text is cut by `truncate`, as `Encoder` cuts, until the prompt
    fits `max_length` with that word; the template stays whole. An empty prompt becomes one token. Raises ConfigError
    where the template leaves no room for a text.
    """
    start = Encoder(tokenizer, max_length, truncate).prefix
    room = max_length - len(start) - answer
    fixed = len(tokenizer(prompt.before + prompt.between, add_special_tokens=False)["input_ids"])
    if room - fixed < 1:
        raise ConfigError(
            f"Prompt template {prompt.template!r}: it and its longest label word take {max_length - room + fixed} "
            f"tokens, and --max-length {max_length} leaves no room for a text. Shorten it or allow more tokens."
        )
    empty = tokenizer.pad_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    ids: list[NDArray[np.int32]] = []
    cut: list[bool] = []
    for given in chunks(texts):
        chunk = [characters(read_part(text, room, truncate)) for text in given]
        filled = [f"{prompt.before}{text}{prompt.between}" for text in chunk]
        encoding = tokenizer(filled, add_special_tokens=False, verbose=False)
        for row, text in enumerate(chunk):
            tokens = encoding["input_ids"][row]
            first = _token_at(encoding, row, len(prompt.before), len(filled[row]))
            end = _token_at(encoding, row, len(prompt.before) + len(text), len(filled[row]))
            kept = cut_tokens(tokens[first:end], max(0, room - len(tokens) + end - first), truncate)
            cut.append(len(kept) < end - first or len(text) < len(given[row]))
            whole = [*start, *tokens[:first], *kept, *tokens[end:]]
            ids.append(np.asarray(whole or [empty], dtype=np.int32))
    return Encoded(tuple(ids), np.asarray(cut, dtype=np.bool_))


def _token_at(encoding: Any, row: int, character: int, characters: int) -> int:
    """The first token of a character at or after `character`; the number of tokens where there is none.

    Some characters, spaces above all, may belong to no token.
    """
    found = (encoding.char_to_token(row, at) for at in range(character, characters))
    return next((token for token in found if token is not None), len(encoding["input_ids"][row]))
