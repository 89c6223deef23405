"""Texts to token ids: the cut, to the id."""

from pathlib import Path

import numpy as np
import pytest

from lightune.compute import Encoder, tokenising
from lightune.models import find_model, load_tokenizer
from tests.fixtures.models import SENTENCES

TEXTS = [*SENTENCES[:4], "film", "", "   ", "The film. " * 30]


@pytest.fixture(scope="module", params=["gpt2", "bert", "bart", "t5"])
def tokenizer(request: pytest.FixtureRequest, bases: dict[str, Path]) -> object:
    return load_tokenizer(find_model(str(bases[request.param])))


def plain_ids(tokenizer: object, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]  # type: ignore[operator]


@pytest.mark.parametrize("max_length", [4, 7, 10, 64])
@pytest.mark.parametrize("truncate", ["head", "tail", "head+tail"])
def test_a_long_text_is_cut_by_the_rule_and_keeps_its_special_tokens(
    tokenizer: object, truncate: str, max_length: int
) -> None:
    encoder = Encoder(tokenizer, max_length, truncate)
    before, after = list(encoder.prefix), list(encoder.suffix)
    room = max_length - len(before) - len(after)
    encoded = encoder.encode(TEXTS)
    for text, ids, cut in zip(TEXTS, encoded.ids, encoded.cut, strict=True):
        own = plain_ids(tokenizer, text)
        kept = {
            "head": own[:room],
            "tail": own[max(0, len(own) - room) :],
            "head+tail": own if len(own) <= room else own[: (room + 1) // 2] + own[len(own) - room // 2 :],
        }[truncate]
        assert ids.tolist() == (before + kept + after or [0]), text
        assert cut == (len(own) > room), text
        assert ids.dtype == np.int32
    assert encoded.lengths.tolist() == [len(ids) for ids in encoded.ids]
    assert encoded.lengths.max() <= max_length
    assert encoded.cut.any()
    assert not encoded.cut.all()


def test_special_tokens_are_found(bases: dict[str, Path]) -> None:
    found = {kind: Encoder(load_tokenizer(find_model(str(folder))), 10, "head") for kind, folder in bases.items()}
    assert {kind: (encoder.prefix, encoder.suffix, encoder.room) for kind, encoder in found.items()} == {
        "gpt2": ((), (), 10),
        "llama": ((), (), 10),
        "bert": ((2,), (3,), 8),
        "distilbert": ((2,), (3,), 8),
        "roberta": ((2,), (3,), 8),
        "deberta-v2": ((2,), (3,), 8),
        "modernbert": ((2,), (3,), 8),
        "qwen2": ((), (), 10),
        "bart": ((2,), (3,), 8),
        "t5": ((), (3,), 9),
    }


def test_uncut_texts_are_encoded_as_the_tokenizer_does_it(tokenizer: object) -> None:
    texts = SENTENCES[:4]
    expected = tokenizer(texts)["input_ids"]  # type: ignore[operator]
    assert [ids.tolist() for ids in Encoder(tokenizer, 64, "head").encode(texts).ids] == expected


def test_tokens_are_counted_before_the_cut(tokenizer: object) -> None:
    encoder = Encoder(tokenizer, 6, "head")
    specials = len(encoder.prefix) + len(encoder.suffix)
    assert encoder.count(TEXTS) == [len(plain_ids(tokenizer, text)) + specials for text in TEXTS]
    assert [count > 6 for count in encoder.count(TEXTS)] == encoder.encode(TEXTS).cut.tolist()


@pytest.mark.parametrize("chunk", [1, 3, 4, 8, 9])
def test_chunks_make_no_difference(tokenizer: object, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Encoder(tokenizer, 12, "head+tail")
    whole, counted = encoder.encode(TEXTS), encoder.count(TEXTS)
    monkeypatch.setattr(tokenising, "CHUNK", chunk)
    again = encoder.encode(TEXTS)
    assert [ids.tolist() for ids in again.ids] == [ids.tolist() for ids in whole.ids]
    assert again.cut.tolist() == whole.cut.tolist()
    assert encoder.count(TEXTS) == counted


def test_an_empty_text_is_one_token_that_counts(bases: dict[str, Path]) -> None:
    gpt2 = load_tokenizer(find_model(str(bases["gpt2"])))
    encoded = Encoder(gpt2, 10, "tail").encode([""])
    assert encoded.ids[0].tolist() == [gpt2.pad_token_id]
    assert not encoded.cut[0]
    bert = load_tokenizer(find_model(str(bases["bert"])))
    assert Encoder(bert, 10, "tail").encode([""]).ids[0].tolist() == [2, 3]


def test_no_texts_are_encoded_to_nothing(tokenizer: object) -> None:
    encoded = Encoder(tokenizer, 10, "head").encode([])
    assert (len(encoded), encoded.lengths.tolist(), encoded.cut.tolist()) == (0, [], [])


def test_odd_characters_get_tokens(tokenizer: object) -> None:
    encoded = Encoder(tokenizer, 10, "head").encode(["a\x00b", "🎬", "\u200b"])
    assert (encoded.lengths >= 1).all()


@pytest.mark.parametrize(("kind", "max_length"), [("bert", 2), ("bert", 1), ("gpt2", 0)])
def test_a_length_that_leaves_no_room_is_refused(bases: dict[str, Path], kind: str, max_length: int) -> None:
    tokenizer = load_tokenizer(find_model(str(bases[kind])))
    with pytest.raises(ValueError, match=f"max_length {max_length} leaves no room"):
        Encoder(tokenizer, max_length, "head")


@pytest.mark.parametrize("truncate", ["head", "tail", "head+tail"])
def test_room_for_one_token_keeps_one(bases: dict[str, Path], truncate: str) -> None:
    bert = load_tokenizer(find_model(str(bases["bert"])))
    own = plain_ids(bert, SENTENCES[0])
    kept = own[-1] if truncate == "tail" else own[0]
    assert Encoder(bert, 3, truncate).encode(SENTENCES[:1]).ids[0].tolist() == [2, kept, 3]


def test_special_tokens_inside_a_text_are_refused() -> None:
    class Odd:
        def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
            return {"input_ids": [5, 1, 6] if add_special_tokens else [5, 6]}

    with pytest.raises(ValueError, match="Odd puts special tokens inside a text"):
        Encoder(Odd(), 10, "head")
