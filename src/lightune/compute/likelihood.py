"""How likely a language model finds each label's words after a text, and probabilities from it."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp
from torch import Tensor
from transformers import DynamicCache

from lightune.compute.batching import INFERENCE_ROWS, INFERENCE_TOKENS, PADDING, collate, length_batches
from lightune.compute.encoding import Encoded
from lightune.compute.forward import softmax
from lightune.compute.prompt import Prompt, encode_prompts, word_tokens
from lightune.models import LanguageModel

# Inputs without content (Zhao et al. 2021): what the model answers to them is what it answers to anything.
CONTENT_FREE = ("N/A", "", "[MASK]")
# Words of several tokens that one pass reads after a text; more at once would only take memory.
WORDS_AT_ONCE = 16


@dataclass(frozen=True)
class LabelScores:
    """log P(label's words | prompt up to the label) in nats, [templates, texts, labels]; the tokens of all prompts; and
    whether a text was cut in any of them, bool [texts]."""

    logs: NDArray[np.float64]
    tokens: int
    cut: NDArray[np.bool_]


def score_labels(
    language: LanguageModel,
    prompts: Sequence[str],
    words: Sequence[Sequence[str]],
    texts: Sequence[str],
    max_length: int,
    truncate: str,
    on_rows: Callable[[int], None] | None = None,
) -> LabelScores:
    """Score how well each label's words go on from each text, under each prompt.

    prompts: templates, see `Prompt`. words: one or more words for each label, of one or more tokens each: a word's
    tokens are multiplied, the words of a label added. A text is cut until its prompt fits `max_length` with the
    longest word. on_rows: hears of each batch's texts when done, of every text once a template. The model is used on
    the device it is on. Raises ConfigError for a template that is none.
    """
    templates = [Prompt(template) for template in prompts]
    logs = np.empty((len(templates), len(texts), len(words)))
    cut, read = np.zeros(len(texts), dtype=np.bool_), 0
    for at, prompt in enumerate(templates):
        tokens = [word_tokens(language.tokenizer, prompt, word) for word in itertools.chain(*words)]
        longest = max(len(word) for word in tokens)
        encoded = encode_prompts(language.tokenizer, prompt, texts, max_length, truncate, longest)
        logs[at] = by_label(word_log_likelihoods(language, encoded, tokens, on_rows), [len(own) for own in words])
        cut |= encoded.cut
        read += int(encoded.lengths.sum())
    return LabelScores(logs, read, cut)


def word_log_likelihoods(
    language: LanguageModel,
    encoded: Encoded,
    words: Sequence[tuple[int, ...]],
    on_rows: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    """Return log P(word | encoded text) in nats, [texts, words]; `words` are token ids.

    One pass over a text gives the first token of every word; words of more tokens are read on from its cache.
    """
    model = language.model
    pad_id = int(language.tokenizer.pad_token_id)
    device = next(model.parameters()).device
    half = device.type == "cuda" and torch.cuda.is_bf16_supported()
    model.eval()
    found = np.empty((len(encoded), len(words)))
    with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
        for batch in _batches(encoded, words):
            ids = collate([encoded.ids[row] for row in batch], pad_id)["input_ids"].to(device)
            last = torch.as_tensor(encoded.lengths[batch] - 1, device=device)
            found[batch] = _score(model, ids, last, words, pad_id).double().cpu().numpy()
            if on_rows is not None:
                on_rows(len(batch))
    return found


def by_label(word_scores: NDArray[np.float64], counts: Sequence[int]) -> NDArray[np.float64]:
    """Sum the probabilities of each label's words: logs [..., words] -> logs [..., labels].

    counts: how many words each label has; the words stand in the order of the labels.
    """
    ends = np.cumsum(counts)
    parts = [word_scores[..., end - count : end] for end, count in zip(ends, counts, strict=True)]
    return np.stack([logsumexp(part, axis=-1) for part in parts], axis=-1)


def averaged(log_likelihoods: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities [texts, labels] from logs [templates, texts, labels]: of each template, then their mean."""
    return np.asarray(softmax(log_likelihoods).mean(axis=0))


def calibrated(log_likelihoods: NDArray[np.float64], content_free: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities [texts, labels] from logs [templates, texts, labels], contextually calibrated, then averaged.

    content_free: logs [templates, inputs, labels] of inputs without content. A template's probabilities are divided by
    the mean of those that it gives such inputs, W = diag(1 / p_cf), and made to sum to one (Zhao et al. 2021, arXiv
    2102.09690); the templates' mean is the answer.
    """
    # In logs, so that a label which no such input makes likely does not divide by zero.
    blank = log_softmax(content_free, axis=-1)
    bias = logsumexp(blank, axis=1, keepdims=True) - np.log(blank.shape[1])
    return averaged(log_softmax(log_likelihoods, axis=-1) - bias)


def _batches(encoded: Encoded, words: Sequence[tuple[int, ...]]) -> list[list[int]]:
    """Batches of like length; of equal length, and smaller, where words are read on from a cache without padding."""
    at_once = min(WORDS_AT_ONCE, sum(len(word) > 1 for word in words))
    if not at_once:
        return length_batches(encoded.lengths, padding=PADDING)
    rows, tokens = max(1, 2 * INFERENCE_ROWS // at_once), INFERENCE_TOKENS // at_once
    return length_batches(encoded.lengths, rows=min(rows, INFERENCE_ROWS), tokens=tokens, padding=0.0)


def _score(model: Any, ids: Tensor, last: Tensor, words: Sequence[tuple[int, ...]], pad_id: int) -> Tensor:
    """log P(word | text), [texts, words]. Padding stands on the right, where a causal model never sees it."""
    long = [at for at, word in enumerate(words) if len(word) > 1]
    rows = torch.arange(len(ids), device=ids.device)
    logs, cache = _next_token(model, ids, rows, last, None, bool(long))
    scores = logs[:, [word[0] for word in words]]
    for at in range(0, len(long), WORDS_AT_ONCE):
        some = long[at : at + WORDS_AT_ONCE]
        scores[:, some] += _later_tokens(model, ids, cache, [words[at] for at in some], pad_id)
    return scores


def _later_tokens(model: Any, ids: Tensor, cache: Any, words: Sequence[tuple[int, ...]], pad_id: int) -> Tensor:
    """log P(a word's second and later tokens | text and its tokens before), [texts, words]. All texts are as long."""
    stems = collate([np.asarray(word[:-1], dtype=np.int32) for word in words], pad_id)
    wanted = collate([np.asarray(word[1:], dtype=np.int32) for word in words], pad_id)["input_ids"].to(ids.device)
    inputs = stems["input_ids"].to(ids.device).repeat(len(ids), 1)
    rows, places = stems["attention_mask"].to(ids.device).repeat(len(ids), 1).nonzero(as_tuple=True)
    if isinstance(cache, DynamicCache):
        past = copy.deepcopy(cache)
        past.batch_repeat_interleave(len(words))
        logs, _ = _next_token(model, inputs, rows, places, past, True)
    else:  # a model that keeps none reads the text again
        again = torch.cat([ids.repeat_interleave(len(words), dim=0), inputs], dim=1)
        logs, _ = _next_token(model, again, rows, places + ids.shape[1], None, False)
    picked = logs.gather(1, wanted.repeat(len(ids), 1)[rows, places][:, None])[:, 0]
    return picked.new_zeros(len(inputs)).index_add(0, rows, picked).view(len(ids), len(words))


def _next_token(model: Any, ids: Tensor, rows: Tensor, places: Tensor, past: Any, keep: bool) -> tuple[Tensor, Any]:
    """log P(next token) after the tokens at `rows` and `places` of `ids`, [places, vocabulary], and the model's cache.

    past: the cache of what stands before `ids`. keep: whether a cache is wanted. The head sees the states of these
    places alone: logits of all places would take more memory than the model does.
    """
    before = 0 if past is None else past.get_seq_length()
    # Of ones, with which attention takes its fast causal path; padding stands behind all that counts.
    mask = ids.new_ones((len(ids), before + ids.shape[1]))
    head = model.get_output_embeddings()
    hook = head.register_forward_pre_hook(lambda _, states: (states[0][rows, places],))
    given = {} if past is None else {"past_key_values": past}
    try:
        output = model(input_ids=ids, attention_mask=mask, use_cache=keep, **given)
    finally:
        hook.remove()
    return torch.log_softmax(output.logits.float(), dim=-1), getattr(output, "past_key_values", None)
