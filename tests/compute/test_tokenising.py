"""Tokenising many texts: the ids are the tokenizer's own, whatever way they were come by."""

import random
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, normalizers, pre_tokenizers

from lightune.compute import tokenising
from lightune.compute.tokenising import backend_of, tokenise
from lightune.compute.word_tokens import WordTokens, splits_at_words
from lightune.config import DataConfig
from lightune.data import load_splits
from lightune.models import find_model, load_tokenizer
from tests.fixtures.models import SENTENCES

BY_WORD = {"gpt2", "llama", "bart", "bert", "distilbert", "roberta", "deberta-v2", "modernbert"}
WORDS = [
    "film",
    "The",
    "it's",
    "n't",
    "don’t",
    "<br",
    "/>",
    "A1b2",
    "été",
    "e\u0301",
    "Ⅷ",
    "映画",
    "🎬",
    "١٢",
    "x" * 120,
    "'",
    "!?",
]
WORDS += ["<|endoftext|>", "[SEP]", "</s>"]
# White space of every kind, and characters that one library or the other may take for it.
GAPS = [
    " ",
    " ",
    " ",
    "  ",
    "   ",
    "\n",
    "\n ",
    " \n",
    "\r\n",
    "\t",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x1f",
    "\x00",
    "\x7f",
    "\x85",
    "\xa0",
]
GAPS += [
    "\u1680",
    "\u180e",
    "\u2003",
    "\u200b",
    "\u200d",
    "\u2028",
    "\u2029",
    "\u202f",
    "\u2060",
    "\u3000",
    "\ufeff",
    "",
    " \u0301",
]


def odd_texts(count: int) -> list[str]:
    draw = random.Random(0)
    odd = [
        "".join(draw.choice(WORDS) + "".join(draw.choices(GAPS, k=draw.randint(1, 3))) for _ in range(12))
        for _ in range(count)
    ]
    return [*odd, "", " ", "  ", "\n", *(f"a{gap}{other}b{gap}" for gap in GAPS for other in GAPS)]


def called(tokenizer: Any, text: str) -> list[int]:
    found: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return found


@pytest.mark.parametrize("kind", ["gpt2", "bert", "bert-uncased", "bart", "t5", "qwen2"])
@pytest.mark.full
def test_odd_texts_get_the_tokenizers_own_ids(bases: dict[str, Path], kind: str) -> None:
    tokenizer = load_tokenizer(find_model(str(bases[kind.partition("-")[0]])))
    if kind == "bert-uncased":
        tokenizer.backend_tokenizer.normalizer = normalizers.BertNormalizer()
    assert splits_at_words(backend_of(tokenizer)) == (kind not in ("t5", "qwen2"))
    texts = odd_texts(1500)
    for text, ids in zip(texts, tokenise(tokenizer, texts), strict=True):
        assert ids.tolist() == called(tokenizer, text), repr(text)


def test_known_tokenizers_go_by_word(bases: dict[str, Path]) -> None:
    tokenizers = {kind: load_tokenizer(find_model(str(folder))) for kind, folder in bases.items()}
    assert {kind for kind, own in tokenizers.items() if splits_at_words(backend_of(own))} == BY_WORD


def test_each_word_is_tokenised_once(bases: dict[str, Path]) -> None:
    asked: list[str] = []
    backend = backend_of(load_tokenizer(find_model(str(bases["gpt2"]))))

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(backend, name)

        def encode_batch(self, lists: list[list[str]], **how: Any) -> Any:
            asked.extend(word for own in lists for word in own)
            return backend.encode_batch(lists, **how)

    words = WordTokens(Counting())
    for _ in range(2):
        assert len(list(words.tokens(SENTENCES))) == len(SENTENCES)
    assert sorted(asked) == sorted({piece for text in SENTENCES[:4] for piece in pieces(text)})


def pieces(text: str) -> list[str]:
    first, *others = text.split(" ")
    return [first, *(f" {other}" for other in others)]


def test_what_is_known_is_forgotten_when_it_is_too_much(
    bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = backend_of(load_tokenizer(find_model(str(bases["gpt2"]))))
    monkeypatch.setattr("lightune.compute.word_tokens.KNOWN_BYTES", 1000)
    words = WordTokens(backend)
    first = [ids.tolist() for ids in words.tokens(SENTENCES[:3])]
    assert len(words._known) > 20
    list(words.tokens(["other"]))
    assert list(words._known) == ["other"]
    assert [ids.tolist() for ids in words.tokens(SENTENCES[:3])] == first


def with_spaces(tokenizer: Any) -> None:
    tokenizer.add_tokens([AddedToken(" is a", normalized=False)])


def special_tokens_are_read(tokenizer: Any) -> None:
    tokenizer.split_special_tokens = False


def prefixed(tokenizer: Any) -> None:
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)


def whole(tokenizer: Any) -> None:
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


def rewritten(tokenizer: Any) -> None:
    tokenizer.backend_tokenizer.normalizer = normalizers.Replace("film is", "x")


@pytest.mark.parametrize("change", [with_spaces, special_tokens_are_read, prefixed, whole, rewritten])
def test_a_tokenizer_that_looks_across_words_goes_by_text(bases: dict[str, Path], change: Any) -> None:
    tokenizer = load_tokenizer(find_model(str(bases["gpt2"])))
    backend = backend_of(tokenizer)
    assert splits_at_words(backend)
    change(tokenizer)
    assert not splits_at_words(backend_of(tokenizer))
    texts = [f"{text}\t<|endoftext|> \tfilm " for text in SENTENCES] * 2
    expected = [called(tokenizer, text) for text in texts]
    assert [ids.tolist() for ids in tokenise(tokenizer, texts)] == expected
    if change in (with_spaces, prefixed, rewritten):
        assert [ids.tolist() for ids in WordTokens(backend).tokens(texts)] != expected


@pytest.mark.full
@pytest.mark.parametrize("model", ["gpt2-untrained", "tiny-gpt2-imdb"])
def test_real_reviews_get_the_stock_tokenizers_ids(shared: Path, model: str) -> None:
    from transformers import AutoTokenizer

    splits = load_splits(DataConfig(source=str(shared / "data" / "imdb"), train_size=5000, test_size=2000))
    texts = [*splits.train.texts, *splits.test.texts]
    stock = AutoTokenizer.from_pretrained(shared / "models" / model, split_special_tokens=True)
    own = tokenise(load_tokenizer(find_model(str(shared / "models" / model))), texts)
    expected = stock(texts, add_special_tokens=False, verbose=False)["input_ids"]
    assert [ids.tolist() for ids in own] == expected
    assert len(texts) > tokenising.WORTH
