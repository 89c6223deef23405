"""What is read of very long texts: the tokens that are kept are those of the whole, and tokenising is bounded."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightune.compute import Encoder, reading
from lightune.compute.reading import READ_BYTES, pieces, read_limit, read_part
from lightune.compute.tokenising import tokenise
from lightune.models import find_model, load_tokenizer
from tests.compute.test_tokenising import odd_texts
from tests.fixtures.models import KINDS, SENTENCES
from tests.fixtures.tiers import few

WHOLE = 2**40
CUTS = ("head", "tail", "head+tail")
# None of these has a blank behind a visible character.
UNBROKEN = {
    "one letter": "a" * 10**7,
    "no blank": "".join(random.Random(0).choices("abcdefghij0123.,-\n\t", k=10**5)) * 100,
    "blanks": " " * 10**7,
    "combining marks": "e" + "\u0301" * 5_000_000,
    "joined emoji": "👩\u200d👩\u200d👧\u200d👦" * 400_000,
    "half pairs": "\ud83d" * 3_000_000,
    "control characters": "\x00\x01 \x1b" * 2_500_000,
    "right to left": "\u202eשלום" * 2_000_000,
}


@pytest.fixture(scope="module", params=few(KINDS, "gpt2", "bert", "t5", "llama"))
def tokenizer(request: pytest.FixtureRequest, bases: dict[str, Path]) -> Any:
    return load_tokenizer(find_model(str(bases[request.param])))


def long_texts(count: int) -> list[str]:
    """Odd texts of some 20,000 bytes, of words in several scripts and white space of every kind."""
    draw = random.Random(3)
    odd = [text for text in odd_texts(1500) if len(text) > 20]
    return [
        (" ".join(draw.choices(odd + SENTENCES * 20, k=400)) if at % 2 else "".join(draw.choices(odd, k=400)))
        for at in range(count)
    ]


@pytest.mark.full
@pytest.mark.parametrize("truncate", CUTS)
def test_what_is_kept_of_a_long_text_is_what_is_kept_of_all_of_it(
    tokenizer: Any, truncate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [*long_texts(8), " ".join(SENTENCES * 3), "\n".join(SENTENCES * 3), "映画は 素晴らしい。" * 500]
    encoder = Encoder(tokenizer, 24, truncate)
    monkeypatch.setattr(reading, "READ_BYTES", WHOLE)
    whole = encoder.encode(texts)
    monkeypatch.setattr(reading, "READ_BYTES", 2_000)
    part = encoder.encode(texts)
    for text, expected, ids in zip(texts, whole.ids, part.ids, strict=True):
        assert len(read_part(text, encoder.room, truncate)) < len(text)
        assert ids.tolist() == expected.tolist(), text[:200]
    assert part.cut.all()


@pytest.mark.full
def test_a_cut_in_the_middle_of_a_word_would_change_the_tokens(
    bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard: parts end at blanks. Without it some texts' last tokens are others."""
    gpt2 = load_tokenizer(find_model(str(bases["gpt2"])))
    encoder = Encoder(gpt2, 10**6, "head")
    monkeypatch.setattr(reading, "BYTES_A_TOKEN", 0)
    texts = [" " * extra + " ".join(SENTENCES * 5) for extra in range(20)]
    monkeypatch.setattr(reading, "READ_BYTES", WHOLE)
    whole = [ids.tolist() for ids in encoder.encode(texts).ids]
    monkeypatch.setattr(reading, "READ_BYTES", 1_000)

    def begins() -> list[bool]:
        parts = [ids.tolist() for ids in encoder.encode(texts).ids]
        return [own == full[: len(own)] for own, full in zip(parts, whole, strict=True)]

    assert all(begins())
    monkeypatch.setattr(reading, "_visible", lambda character: False)
    assert not all(begins())


@pytest.mark.parametrize("truncate", CUTS)
@pytest.mark.parametrize("text", UNBROKEN.values(), ids=UNBROKEN)
def test_of_a_text_without_words_no_more_is_read(text: str, truncate: str) -> None:
    part = read_part(text, 512, truncate)
    size = len(part.encode("utf-8", "surrogatepass"))
    assert READ_BYTES // 2 - 8 <= size <= READ_BYTES
    if truncate == "head+tail":
        half = len(part) // 3
        assert text.startswith(part[:half])
        assert text.endswith(part[-half:])
    else:
        assert text.endswith(part) if truncate == "tail" else text.startswith(part)


@pytest.mark.full
@pytest.mark.parametrize("truncate", CUTS)
def test_megabytes_get_bounded_tokens_alone_and_in_a_batch(
    tokenizer: Any, truncate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def counting(own: Any, texts: Any) -> Any:
        read.extend(len(text.encode("utf-8", "surrogatepass")) for text in texts)
        return tokenise(own, texts)

    monkeypatch.setattr("lightune.compute.encoding.tokenise", counting)
    encoder = Encoder(tokenizer, 32, truncate)
    texts = list(UNBROKEN.values())
    batch = encoder.encode([*texts, *SENTENCES])
    assert max(read) <= READ_BYTES
    assert batch.cut[: len(texts)].all()
    for text, ids in zip(texts, batch.ids, strict=False):
        assert np.array_equal(encoder.encode([text]).ids[0], ids)
        assert 1 <= len(ids) <= 32


def test_short_texts_are_read_as_they_are() -> None:
    for text in ("", "a", " ", "é" * (READ_BYTES // 2), "a" * READ_BYTES, "🎬" * (READ_BYTES // 4)):
        assert read_part(text, 512, "head") is text
    assert len(read_part("é" * (READ_BYTES // 2 + 1), 512, "head")) == READ_BYTES // 2


def test_more_is_read_where_more_is_kept() -> None:
    assert read_limit(512) == read_limit(1024) == READ_BYTES
    assert len(read_part("a" * 10**6, 8192, "tail")) == read_limit(8192) == 8 * READ_BYTES


@pytest.mark.full
@pytest.mark.parametrize("text", UNBROKEN.values(), ids=UNBROKEN)
def test_pieces_are_all_of_a_text(text: str) -> None:
    found = list(pieces(text))
    assert "".join(found) == text
    assert max(len(piece.encode("utf-8", "surrogatepass")) for piece in found) <= READ_BYTES


@pytest.mark.full
def test_pieces_are_cut_at_blanks_and_their_tokens_add_up(
    bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = Encoder(load_tokenizer(find_model(str(bases["bert"]))), 24, "head")
    texts = [*long_texts(4), "", " ".join(SENTENCES)]
    monkeypatch.setattr(reading, "READ_BYTES", WHOLE)
    whole = encoder.count(texts)
    monkeypatch.setattr(reading, "READ_BYTES", 1_000)
    assert encoder.count(texts) == whole
