"""Prompts as token ids: the running text's own, cut where the text is."""

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, normalizers, trainers
from transformers import PreTrainedTokenizerFast

from lightune.compute.encoding import cut_tokens
from lightune.compute.prompt import Prompt, encode_prompts, word_tokens
from lightune.errors import ConfigError
from lightune.models import find_model, load_tokenizer
from tests.fixtures.models import END, SENTENCES

TEMPLATE = "Review: {text}\nIt was {label}."


@pytest.fixture(scope="module")
def tokenizer(bases: dict[str, Path]) -> Any:
    return load_tokenizer(find_model(str(bases["gpt2"])))


def ids_of(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("It was {label}.", r"{text} is missing"),
        ("{text} It was good.", r"{label} is missing"),
        ("{text} {text} It was {label}.", r"{text} stands there 2 times"),
        ("{text} {label} or {label}", r"{label} stands there 2 times"),
        ("A {label} text: {text}", r"stands before {text}"),
        ("", r"{text} is missing"),
    ],
)
def test_a_template_without_its_placeholders_is_refused_by_name(template: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault) as told:
        Prompt(template)
    assert repr(template) in str(told.value)


def test_a_template_falls_into_its_parts() -> None:
    prompt = Prompt("a {x} {text} is {0}: {label} or not")
    assert (prompt.before, prompt.between, prompt.gap) == ("a {x} ", " is {0}:", " ")
    assert (Prompt("{text}{label}").between, Prompt("{text}{label}").gap) == ("", "")
    assert (Prompt("{text}:\n{label}").between, Prompt("{text}:\n{label}").gap) == (":\n", "")


@pytest.mark.parametrize("template", [TEMPLATE, "{text} All in all, {label}", "{text}\n{label}", "{text} {label}"])
def test_prompt_and_word_together_are_the_running_texts_tokens(tokenizer: Any, template: str) -> None:
    prompt = Prompt(template)
    for text in (SENTENCES[0], "café – 你好 🙂", "a {label} in a {text}, {0} {}"):
        (ids,) = encode_prompts(tokenizer, prompt, [text], 64 * 4, "head", 5).ids
        running = prompt.before + text + prompt.between + prompt.gap + "dull"
        assert [*ids.tolist(), *word_tokens(tokenizer, prompt, "dull")] == ids_of(tokenizer, running)
    spaced = ids_of(tokenizer, " dull") if prompt.gap else ids_of(tokenizer, "dull")
    assert list(word_tokens(tokenizer, prompt, "dull")) == spaced


def test_a_tokenizer_that_begins_each_text_with_a_space_puts_none_before_the_word() -> None:
    plain = Tokenizer(models.BPE(unk_token="<unk>"))
    plain.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    plain.train_from_iterator(
        SENTENCES, trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>", END], show_progress=False)
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, unk_token="<unk>", pad_token=END)
    prompt = Prompt("{text} and it was {label}")
    (ids,) = encode_prompts(tokenizer, prompt, ["The film"], 64, "head", 5).ids
    tokens = [*ids.tolist(), *word_tokens(tokenizer, prompt, "dull")]
    assert tokens == ids_of(tokenizer, "The film and it was dull")
    assert word_tokens(tokenizer, prompt, "dull") != tuple(ids_of(tokenizer, " dull"))


@pytest.mark.parametrize("truncate", ["head", "tail", "head+tail"])
def test_a_long_text_is_cut_and_the_template_stays_whole(tokenizer: Any, truncate: str) -> None:
    prompt = Prompt("({text}\nIt was {label}.")
    text = " ".join(SENTENCES[:4])
    encoded = encode_prompts(tokenizer, prompt, [text, "dull"], 40, truncate, 3)
    lead, tail = ids_of(tokenizer, "("), ids_of(tokenizer, "\nIt was")
    kept = cut_tokens(ids_of(tokenizer, text), 40 - 3 - len(lead) - len(tail), truncate)
    assert encoded.ids[0].tolist() == lead + kept + tail
    assert len(encoded.ids[0]) + 3 == 40
    assert encoded.cut.tolist() == [True, False]


def test_odd_texts_get_a_prompt(tokenizer: Any) -> None:
    prompt = Prompt(TEMPLATE)
    texts = ["", "   ", "\n", "half \ud83d a pair", "word " * 10_000, "\ud800", END]
    encoded = encode_prompts(tokenizer, prompt, texts, 64, "head+tail", 2)
    tail = ids_of(tokenizer, "\nIt was")
    assert all(ids.tolist()[-len(tail) :] == tail and len(ids) <= 62 for ids in encoded.ids[:2] + encoded.ids[3:])
    assert encoded.ids[0].tolist() == ids_of(tokenizer, "Review: \nIt was")
    assert encoded.ids[3].tolist() == ids_of(tokenizer, "Review: half \ufffd a pair\nIt was")
    assert encoded.cut.tolist() == [False] * 4 + [True] + [False] * 2
    # The words of a special token stay plain characters.
    assert tokenizer.eos_token_id not in encoded.ids[6]


def test_an_empty_prompt_is_one_token(tokenizer: Any) -> None:
    (ids,) = encode_prompts(tokenizer, Prompt("{text}{label}"), [""], 64, "head", 1).ids
    assert ids.tolist() == [tokenizer.bos_token_id]


def test_a_template_that_leaves_no_room_is_refused(tokenizer: Any) -> None:
    prompt = Prompt("The film is a joy {text} and it was {label}")
    fixed = len(ids_of(tokenizer, "The film is a joy  and it was"))
    assert len(encode_prompts(tokenizer, prompt, [SENTENCES[0]], fixed + 3, "tail", 2).ids[0]) <= fixed + 1
    with pytest.raises(ConfigError, match=f"take {fixed + 2} tokens, and --max-length {fixed + 2} leaves no room"):
        encode_prompts(tokenizer, prompt, ["a"], fixed + 2, "tail", 2)


def test_a_word_without_a_token_is_refused(tokenizer: Any) -> None:
    with pytest.raises(ConfigError, match="no token"):
        word_tokens(tokenizer, Prompt("{text}:{label}"), "")
