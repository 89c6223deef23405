"""Label likelihoods: equal to the stock model's, whatever stands beside a text; and probabilities by hand."""

import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma2Config, OpenAIGPTConfig, PreTrainedConfig

from lightune.compute import likelihood
from lightune.compute.likelihood import (
    averaged,
    by_label,
    calibrated,
    score_labels,
    word_log_likelihoods,
)
from lightune.compute.prompt import Prompt, encode_prompts, word_tokens
from lightune.errors import ConfigError
from lightune.models import LanguageModel, find_model, load_language_model
from tests.fixtures.models import SENTENCES, tokenizer_for
from tests.fixtures.tiers import few

TEMPLATES = ["{text}\nIt was {label}.", "The film: {text} is {label}"]
WORDS = [["a mess", "dull"], ["joy", "brilliant", "xyz"], ["!"]]
TEXTS = [SENTENCES[0], "film", "", SENTENCES[1], "so dull", "so fine", "a {label}", "half \ud83d a pair", "word " * 900]


@pytest.fixture(scope="module", params=few(["gpt2", "llama", "gemma2", "openai-gpt"], "gpt2"))
def language(request: pytest.FixtureRequest, bases: dict[str, Path], tmp_path_factory: Any) -> LanguageModel:
    if request.param in bases:
        return load_language_model(find_model(str(bases[request.param])))
    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(other_config(request.param)).save_pretrained(folder)
    tokenizer_for("gpt2").save_pretrained(folder)
    return load_language_model(find_model(str(folder)))


def other_config(kind: str) -> PreTrainedConfig:
    if kind == "openai-gpt":  # keeps no cache
        return OpenAIGPTConfig(vocab_size=400, n_positions=64, n_embd=32, n_layer=2, n_head=2, initializer_range=0.2)
    return Gemma2Config(  # squeezes its logits, and its first layer sees 16 tokens back
        vocab_size=400,
        max_position_embeddings=64,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=16,
        intermediate_size=64,
        sliding_window=16,
        final_logit_softcapping=0.5,
        initializer_range=0.2,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
    )


@torch.no_grad()
def naive(language: LanguageModel, template: str, words: list[list[str]], text: str, max_length: int) -> list[float]:
    """Each word alone in a plain pass over the whole prompt, in doubles from the logits on."""
    prompt = Prompt(template)
    tokens = [[word_tokens(language.tokenizer, prompt, word) for word in own] for own in words]
    longest = max(len(word) for own in tokens for word in own)
    (ids,) = encode_prompts(language.tokenizer, prompt, [text], max_length, "head+tail", longest).ids
    answers = []
    for own in tokens:
        total = 0.0
        for word in own:
            row = torch.tensor([[*ids.tolist(), *word]])
            logs = torch.log_softmax(language.model(input_ids=row).logits[0].double(), dim=-1)
            total += np.exp(sum(logs[len(ids) - 1 + at, token].item() for at, token in enumerate(word)))
        answers.append(float(np.log(total)))
    return answers


@pytest.mark.full
def test_likelihoods_are_the_stock_models(language: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likelihood, "WORDS_AT_ONCE", 2)  # several passes
    heard: list[int] = []
    scores = score_labels(language, TEMPLATES, WORDS, TEXTS, 48, "head+tail", heard.append)
    expected = [[naive(language, template, WORDS, text, 48) for text in TEXTS] for template in TEMPLATES]
    assert scores.logs.dtype == np.float64
    np.testing.assert_allclose(scores.logs, expected, atol=2e-5)
    assert np.ptp(scores.logs[0], axis=0).min() > 1e-3
    assert sum(heard) == len(TEXTS) * len(TEMPLATES)
    assert scores.cut[-1]
    assert not scores.cut[1:3].any()
    assert scores.tokens > len(TEXTS) * len(TEMPLATES) * 4
    again = score_labels(language, TEMPLATES, WORDS, TEXTS, 48, "head+tail").logs
    np.testing.assert_allclose(again, scores.logs, atol=1e-6)


def test_one_token_words_score_the_same_beside_longer_ones(language: LanguageModel) -> None:
    prompt = Prompt(TEMPLATES[0])
    encoded = encode_prompts(language.tokenizer, prompt, TEXTS, 48, "head", 6)
    short = [tokens for word in "!?.,ab" if len(tokens := word_tokens(language.tokenizer, prompt, word)) == 1]
    long = [(*short[0], *short[1]), (*short[1], *short[0], *short[1])]
    assert len(short) >= 2
    alone = word_log_likelihoods(language, encoded, short)
    beside = word_log_likelihoods(language, encoded, [*short, *long])
    np.testing.assert_allclose(alone, beside[:, : len(short)], atol=1e-5)
    # A word is never likelier than its beginning.
    assert (beside[:, len(short)] < beside[:, 0]).all()


@pytest.mark.full
def test_a_text_scores_the_same_alone_and_in_any_company(language: LanguageModel) -> None:
    together = score_labels(language, TEMPLATES, WORDS, TEXTS, 48, "head").logs
    alone = [score_labels(language, TEMPLATES, WORDS, [text], 48, "head").logs[:, 0] for text in TEXTS]
    np.testing.assert_allclose(together, np.stack(alone, axis=1), atol=1e-5)
    order = np.random.default_rng(0).permutation(len(TEXTS))
    turned = score_labels(language, TEMPLATES, WORDS, [TEXTS[at] for at in order], 48, "head").logs
    np.testing.assert_allclose(turned, together[:, order], atol=1e-5)


def test_the_head_sees_the_last_places_alone(bases: dict[str, Path]) -> None:
    language = load_language_model(find_model(str(bases["gpt2"])))
    seen: list[int] = []
    language.model.lm_head.register_forward_hook(lambda _, states, __: seen.append(states[0].shape[:-1].numel()))
    score_labels(language, ["{text}\n{label}"], [["b"], ["c"]], TEXTS, 48, "head")
    assert sum(seen) == len(TEXTS)
    # The head is as it was afterwards.
    assert language.model(input_ids=torch.zeros((1, 7), dtype=torch.int64)).logits.shape[1] == 7


def test_a_failing_pass_leaves_the_head_as_it_was(bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    language = load_language_model(find_model(str(bases["gpt2"])))

    def fail(self: object, **_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(language.model, "forward", types.MethodType(fail, language.model))
        with pytest.raises(MemoryError):
            score_labels(language, TEMPLATES, WORDS, ["a"], 48, "head")
    assert not language.model.lm_head._forward_pre_hooks


def test_no_texts_have_no_likelihoods_and_a_bad_template_is_refused(bases: dict[str, Path]) -> None:
    language = load_language_model(find_model(str(bases["gpt2"])))
    assert score_labels(language, TEMPLATES, WORDS, [], 48, "head").logs.shape == (2, 0, 3)
    with pytest.raises(ConfigError, match=r"{label} is missing"):
        score_labels(language, ["{text}"], WORDS, ["a"], 48, "head")


def test_the_words_of_a_label_are_added() -> None:
    scores = np.log([[0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.5, 0.0625]])
    np.testing.assert_allclose(np.exp(by_label(scores, [1, 2, 1])), [[0.1, 0.5, 0.4], [0.25, 0.75, 0.0625]])
    np.testing.assert_allclose(by_label(np.full((1, 2), -2000.0), [2]), -2000 + np.log(2))


def test_templates_are_averaged_as_probabilities() -> None:
    logs = np.log([[[0.1, 0.3]], [[0.02, 0.02]]])
    np.testing.assert_allclose(averaged(logs), [[(0.25 + 0.5) / 2, (0.75 + 0.5) / 2]])


def test_calibration_by_hand() -> None:
    # p = (0.3, 0.7) and content-free means (0.2, 0.8): 1.5 to 0.875. The likelihoods need not sum to one.
    logs = np.log([[[0.03, 0.07], [0.02, 0.08]]])
    blank = np.log([[[0.1, 0.9], [0.003, 0.007]]])
    np.testing.assert_allclose(calibrated(logs, blank), [[1.5 / 2.375, 0.875 / 2.375], [0.5, 0.5]])


def test_each_template_is_calibrated_by_its_own_answers() -> None:
    logs = np.log([[[0.2, 0.8]], [[0.6, 0.4]]])
    np.testing.assert_allclose(calibrated(logs, logs), [[0.5, 0.5]])
    flat = np.zeros((2, 3, 2))
    np.testing.assert_allclose(calibrated(logs, flat), averaged(logs))


def test_a_label_that_nothing_makes_likely_does_not_divide_by_zero() -> None:
    logs = np.array([[[-5000.0, 0.0], [-4990.0, 0.0]]])
    probabilities = calibrated(logs, np.array([[[-5000.0, 0.0]]]))
    np.testing.assert_allclose(probabilities[0], [0.5, 0.5])
    assert probabilities[1, 0] > 0.99
