"""The lines of a certificate on the model as it was loaded here, one function each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lightune.artifacts import ADAPTER, DELTA, MODEL, load_artifact
from lightune.certification.subject import Subject, inapplicable
from lightune.compute import LEFT, RIGHT, Encoded, Encoder, ModelScorer, padded_logits, softmax
from lightune.errors import ModelError
from lightune.methods import merge
from lightune.records import FAIL, PASS, Check, Observed

NO_MODEL = "there is no transformers classifier in it"
LONG_BY, UNCUT, ENDED = 16, 1000, 8


def alone(subject: Subject) -> Check:
    """Each text alone, and all of them together."""
    name, compared = "alone = in a batch", "each text by itself and in batches"
    return subject.compare(name, compared, subject.each, subject.loaded)


def padding(subject: Subject) -> Check:
    """Padded on the right, on the left, and far beyond the longest text."""
    name, compared = "padding", "padded right, left and long, and not at all"
    scorer = subject.scorer
    if scorer is None:
        return inapplicable(name, compared, NO_MODEL)
    encoded = scorer.encoder.encode(subject.texts)
    pad_id = int(scorer.encoder.tokenizer.pad_token_id)
    long = min(int(encoded.lengths.max()) + LONG_BY, scorer.encoder.max_length)
    ways = [(RIGHT, 0), (LEFT, 0), (RIGHT, long), (LEFT, long)]
    found = [padded_logits(scorer.model, encoded, pad_id, side, width) for side, width in ways]
    # Not a number is worse than any difference, and no comparison would say so.
    worst = max(found, key=lambda logits: float(np.nan_to_num(np.abs(logits - subject.each).max(), nan=np.inf)))
    return subject.compare(name, compared, worst, subject.each)


def trained(subject: Subject, observed: Observed | None) -> Check:
    """Head and adapter are others than before the first step."""
    name, compared = "head and adapter trained", "their tensors before the first step and after the last"
    if observed is None or observed.head + observed.adapter == 0:
        return inapplicable(name, compared, _unseen(subject))
    counts = (
        f"{observed.head_changed} of {observed.head} tensors of the head and {observed.adapter_changed} of "
        f"{observed.adapter} others changed"
    )
    good = observed.head_changed == observed.head > 0 and observed.adapter_changed > 0
    return Check(name, f"{compared}: {counts}", PASS if good else FAIL, reason=None if good else counts)


def untouched(subject: Subject, observed: Observed | None) -> Check:
    """The frozen weights are the same to the bit."""
    name, compared = "base untouched", "the frozen tensors before the first step and after the last, to the bit"
    if observed is None:
        return inapplicable(name, compared, _unseen(subject))
    if observed.frozen == 0:
        return inapplicable(name, compared, "all of its weights were trained")
    counts = f"{observed.frozen_changed} of {observed.frozen} frozen tensors changed"
    good = observed.frozen_changed == 0
    return Check(name, f"{compared}: {counts}", PASS if good else FAIL, reason=None if good else counts)


def merged(subject: Subject) -> tuple[Check, ModelScorer | None]:
    """The adapter written into the weights answers as it does beside them. Returns the merged classifier too."""
    name, compared = "merged = unmerged", "the adapter written into the weights and beside them"
    if subject.scorer is None or subject.kind not in (ADAPTER, DELTA):
        reason = "it has no adapter"
        return inapplicable(name, compared, reason), None
    again = load_artifact(subject.folder).scorer
    assert isinstance(again, ModelScorer)
    try:
        plain = merge(again.model)
    except ModelError as error:
        return inapplicable(name, compared, str(error).removeprefix("The adapter cannot be merged: ").rstrip(".")), None
    scorer = ModelScorer(plain, again.encoder)
    return subject.compare(name, compared, scorer.score(subject.texts).logits, subject.loaded), scorer


def probabilities(subject: Subject) -> Check:
    """They sum to one and lie between 0 and 1."""
    found = softmax(subject.loaded)
    name, compared, tolerance = "probabilities", "their sum and one", 1e-9
    difference = float(np.abs(found.sum(axis=1) - 1).max())
    good = difference <= tolerance and bool(((found >= 0) & (found <= 1)).all())
    return Check(name, compared, PASS if good else FAIL, difference, tolerance, None if good else "they do not")


def end_of_text(subject: Subject) -> Check:
    """A text that ends in the words of a special token keeps them, and a row of tokens that ends in that very token is
    answered by it: neither is taken for padding, alone or in a batch."""
    name = "end-of-text token"
    compared = "texts that end in a special token's words; rows that end in it: alone, in a batch, and without it"
    scorer = subject.scorer
    if scorer is None:
        return inapplicable(name, compared, NO_MODEL)
    tokenizer = scorer.encoder.tokenizer
    word = tokenizer.eos_token or tokenizer.sep_token or tokenizer.pad_token
    if not _spelt(scorer.encoder, word):
        return Check(name, compared, FAIL, reason=f"{word!r} at the end of a text is read as a special token or lost")
    pad_id = int(tokenizer.pad_token_id)
    texts = [subject.texts[at] for at in subject.filled[:ENDED]]
    rows = _rows(scorer.encoder, texts, [])
    ended = _rows(scorer.encoder, texts, [int(tokenizer.convert_tokens_to_ids(word))])
    alone = np.concatenate([padded_logits(scorer.model, _encoded([row]), pad_id, RIGHT) for row in ended])
    without = padded_logits(scorer.model, _encoded(rows), pad_id, RIGHT)
    # Where nothing follows it, it is the last token, which is pooled; to the stock pooling by id it is padding.
    if not scorer.encoder.suffix and float(np.abs(alone - without).max()) <= subject.tolerance:
        return Check(name, compared, FAIL, reason=f"{word!r} at the end of a row of tokens changes no answer")
    return subject.compare(name, compared, alone, padded_logits(scorer.model, _encoded(ended), pad_id, RIGHT))


def _spelt(encoder: Encoder, word: str) -> bool:
    """Whether a text that ends in a special token's words is read as characters. What a vocabulary of pieces finds in
    these, as T5's does, is the text's own."""
    text = f"It was fine.{word}"
    # As long as it takes: a cut would take the words away.
    plain, ended = replace(encoder, max_length=UNCUT).encode(["It was fine.", text]).ids
    own = ended[len(encoder.prefix) : len(ended) - len(encoder.suffix)].tolist()
    spelt = encoder.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return len(ended) > len(plain) and own == spelt


def _rows(encoder: Encoder, texts: Sequence[str], added: Sequence[int]) -> list[list[int]]:
    """The texts' tokens with others after them, one fewer than fit."""
    own = replace(encoder, max_length=max(encoder.max_length - 1, encoder.max_length - encoder.room + 1)).encode(texts)
    end = len(encoder.suffix)
    return [[*row[: len(row) - end], *added, *row[len(row) - end :]] for row in own.ids]


def _encoded(rows: Sequence[Sequence[int]]) -> Encoded:
    return Encoded(tuple(np.asarray(row, dtype=np.int32) for row in rows), np.zeros(len(rows), dtype=np.bool_))


def _unseen(subject: Subject) -> str:
    if subject.scorer is None:
        return NO_MODEL
    if subject.kind not in (ADAPTER, DELTA, MODEL):
        return "nothing was trained"
    return "it can only be seen while it is trained"
