"""Tokens on disk: each text once, whatever its cut, and files that can be harmed without harm."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers.pre_tokenizers import PreTokenizer

from lightune.compute import Encoder, TokenCache
from lightune.compute import encoding as encoding_module
from lightune.compute.token_cache import cache_for
from lightune.compute.token_file import Ids, file_bytes
from lightune.compute.tokenising import tokenise
from lightune.models import find_model, load_tokenizer
from tests.fixtures.models import SENTENCES

TEXTS = [*SENTENCES[:4], "film", "", "film", "half a \ud800 pair", "The film. " * 30]


@pytest.fixture(params=["gpt2", "bert", "t5"])
def tokenizer(request: pytest.FixtureRequest, bases: dict[str, Path]) -> Any:
    return load_tokenizer(find_model(str(bases[request.param])))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that reach the tokenizer."""
    texts: list[str] = []

    def listening(tokenizer: Any, own: Sequence[str]) -> Iterator[Ids]:
        texts.extend(own)
        return tokenise(tokenizer, own)

    monkeypatch.setattr(encoding_module, "tokenise", listening)
    return texts


def same(encoder: Encoder, cached: Encoder, texts: Sequence[str] = TEXTS) -> None:
    one, other = encoder.encode(texts), cached.encode(texts)
    assert [ids.tolist() for ids in one.ids] == [ids.tolist() for ids in other.ids]
    assert one.cut.tolist() == other.cut.tolist()
    assert all(ids.flags.writeable for ids in other.ids)
    assert encoder.count(texts) == cached.count(texts)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.ids"))


def kept(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix != ".lock"]


def test_each_text_is_tokenised_once_whatever_its_cut(tmp_path: Path, tokenizer: Any, asked: list[str]) -> None:
    plain = Encoder(tokenizer, 20, "head")
    expected = plain.encode(TEXTS)
    asked.clear()
    first = plain.cached(tmp_path / "new" / "folder")
    found = first.encode(TEXTS)
    assert asked == list(dict.fromkeys(TEXTS))
    assert [ids.tolist() for ids in found.ids] == [ids.tolist() for ids in expected.ids]
    asked.clear()
    whole = files(tmp_path / "new" / "folder")
    for length, truncate in ((20, "head"), (9, "tail"), (64, "head+tail")):
        again = Encoder(tokenizer, length, truncate).cached(tmp_path / "new" / "folder")
        again.encode(TEXTS[::-1])
        again.count(TEXTS)
        replace(again, max_length=12).encode(TEXTS)
        assert asked == []
        same(Encoder(tokenizer, length, truncate), again)
        asked.clear()
    assert files(tmp_path / "new" / "folder") == whole
    assert len(whole) == 1


def test_only_what_is_lacking_is_tokenised(tmp_path: Path, tokenizer: Any, asked: list[str]) -> None:
    encoder = Encoder(tokenizer, 20, "head").cached(tmp_path)
    encoder.encode(TEXTS[:3])
    encoder.encode(TEXTS)
    assert asked == list(dict.fromkeys(TEXTS))
    encoder.encode([])
    assert encoder.encode([*TEXTS, "new"]).lengths[-1] >= 1
    assert asked == [*dict.fromkeys(TEXTS), "new"]


def test_the_seconds_that_were_spared_are_told(tmp_path: Path, bases: dict[str, Path]) -> None:
    def slowly(texts: Sequence[str]) -> Iterator[Ids]:
        for text in texts:
            now.append(now[-1] + 2.0)
            yield np.arange(len(text), dtype=np.int32)

    now = [0.0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lightune.compute.token_cache.perf_counter", lambda: now[-1])
        cache = TokenCache(tmp_path, "key")
        assert cache.get(["ab", "cd", "ab"], slowly).spared == 0.0
        # Two texts, two seconds each; a text that stands there twice was tokenised once.
        assert cache.get(["ab", "cd", "ab"], slowly).spared == 4.0
        assert cache.get(["cd", "ef"], slowly).spared == 2.0
    encoder = Encoder(load_tokenizer(find_model(str(bases["gpt2"]))), 20, "head").cached(tmp_path)
    assert encoder.encode(TEXTS).spared == 0.0
    assert encoder.encode(TEXTS).spared > 0.0


def added(tokenizer: Any) -> None:
    tokenizer.add_tokens(["film is"])


def special_tokens_are_read(tokenizer: Any) -> None:
    tokenizer.split_special_tokens = False


@pytest.mark.parametrize("change", [added, special_tokens_are_read])
def test_a_changed_tokenizer_is_another_key(tmp_path: Path, tokenizer: Any, asked: list[str], change: Any) -> None:
    texts = [*TEXTS, "<|endoftext|> [SEP] </s> film is"]
    Encoder(tokenizer, 20, "head").cached(tmp_path).encode(texts)
    change(tokenizer)
    asked.clear()
    other = Encoder(tokenizer, 20, "head").cached(tmp_path)
    other.encode(texts)
    assert asked == list(dict.fromkeys(texts))
    same(Encoder(tokenizer, 20, "head"), other, texts)
    assert len(files(tmp_path)) == 2


def test_a_cut_or_padding_that_was_used_before_is_the_same_key(tmp_path: Path, tokenizer: Any) -> None:
    before = cache_for(tmp_path, tokenizer)
    tokenizer(["a", "b b"], padding=True, truncation=True, max_length=4)
    after = cache_for(tmp_path, tokenizer)
    assert before is not None
    assert after is not None
    assert before.key == after.key


def test_a_tokenizer_that_draws_or_cannot_be_told_is_not_kept(tmp_path: Path, bases: dict[str, Path]) -> None:
    tokenizer = load_tokenizer(find_model(str(bases["gpt2"])))
    tokenizer.backend_tokenizer.model.dropout = 0.5
    assert cache_for(tmp_path, tokenizer) is None
    python = load_tokenizer(find_model(str(bases["gpt2"])))
    python.backend_tokenizer.pre_tokenizer = PreTokenizer.custom(object())
    assert cache_for(tmp_path, python) is None
    encoder = Encoder(tokenizer, 20, "head")
    assert encoder.cached(tmp_path) is encoder

    class Slow:
        pad_token_id = 0

        def __call__(self, text: Any, **how: Any) -> dict[str, Any]:
            rows = [[ord(letter) for letter in one] for one in ([text] if isinstance(text, str) else text)]
            return {"input_ids": rows[0] if isinstance(text, str) else rows}

    slow = Encoder(Slow(), 20, "head").cached(tmp_path)
    assert [ids.tolist() for ids in slow.encode(["ab", "c"]).ids] == [[97, 98], [99]]
    assert not kept(tmp_path)


@pytest.mark.parametrize("harm", ["empty", "cut", "longer", "head", "flipped", "text", "another key"])
def test_a_harmed_file_is_written_anew(tmp_path: Path, bases: dict[str, Path], asked: list[str], harm: str) -> None:
    tokenizer = load_tokenizer(find_model(str(bases["gpt2"])))
    encoder = Encoder(tokenizer, 20, "head")
    encoder.cached(tmp_path).encode(TEXTS)
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    if harm == "another key":
        TokenCache(tmp_path / "other", "key").get(TEXTS, lambda own: tokenise(tokenizer, own))
        whole = files(tmp_path / "other")[0].read_bytes()
    harmed = {
        "empty": b"",
        "cut": whole[:-30],
        "longer": whole + b"\0" * 4,
        "head": whole[:20],
        "flipped": whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:],
        "text": b"not a file of tokens",
        "another key": whole,
    }
    path.write_bytes(harmed[harm])
    asked.clear()
    encoder.cached(tmp_path).encode(TEXTS)
    assert asked == list(dict.fromkeys(TEXTS))
    assert len(files(tmp_path)) == 1
    asked.clear()
    encoder.cached(tmp_path).encode(TEXTS)
    assert asked == []
    same(encoder, encoder.cached(tmp_path))


@pytest.mark.full
def test_a_file_with_any_byte_changed_gives_the_right_tokens(tmp_path: Path, bases: dict[str, Path]) -> None:
    encoder = Encoder(load_tokenizer(find_model(str(bases["gpt2"]))), 20, "head")
    expected = [ids.tolist() for ids in encoder.encode(TEXTS).ids]
    cached = encoder.cached(tmp_path)
    cached.encode(TEXTS)
    for at in range(0, files(tmp_path)[0].stat().st_size, 11):
        (path,) = files(tmp_path)
        whole = path.read_bytes()
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
        assert [ids.tolist() for ids in encoder.cached(tmp_path).encode(TEXTS).ids] == expected


def letters(texts: Sequence[str]) -> Iterator[Ids]:
    return (np.array([ord(letter) for letter in text], dtype=np.int32) for text in texts)


def refused(texts: Sequence[str]) -> Iterator[Ids]:
    raise AssertionError(f"asked for {texts}")


def check(cache: TokenCache, texts: Sequence[str], compute: Any = letters) -> None:
    rows = cache.get(texts, compute).rows
    assert [row.tolist() for row in rows] == [[ord(letter) for letter in text] for text in texts]


def test_many_files_become_one(tmp_path: Path) -> None:
    cache = TokenCache(tmp_path, "key")
    texts = [f"text {number}" for number in range(30)]
    for at in range(30):
        check(cache, texts[at : at + 1])
        assert len(files(tmp_path)) <= 8
    check(TokenCache(tmp_path, "key"), texts, refused)
    assert cache.get(texts, refused).spared == pytest.approx(TokenCache(tmp_path, "key").get(texts, refused).spared)


def test_at_the_bound_the_oldest_go_first(tmp_path: Path) -> None:
    texts = [f"{number:0100}" for number in range(6)]
    size = file_bytes(list(letters(texts[:1])))
    limit = 3 * size + 10
    for at, text in enumerate(texts):
        # A folder is bounded as a whole, whichever tokenizers its files are of.
        check(TokenCache(tmp_path, f"key {at % 2}", limit), [text])
        os.utime(max(files(tmp_path), key=lambda path: path.stat().st_mtime_ns), (at + 1, at + 1))
        assert sum(path.stat().st_size for path in kept(tmp_path)) <= limit
    check(TokenCache(tmp_path, "key 1", limit), [texts[5], texts[3]], refused)
    check(TokenCache(tmp_path, "key 0", limit), [texts[4]], refused)
    before = files(tmp_path)
    with pytest.raises(AssertionError, match="asked for"):
        TokenCache(tmp_path, "key 0", limit).get([texts[2]], refused)
    # What is too much alone is answered, is not kept, and drives nothing out.
    check(TokenCache(tmp_path, "key 0", limit), ["x" * 1000])
    assert files(tmp_path) == before


def test_what_a_killed_process_left_is_removed_in_time(tmp_path: Path) -> None:
    old, new = tmp_path / ".tokens-1-2.ids.7.7.partial", tmp_path / ".tokens-1-3.ids.8.8.partial"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (1, 1))
    check(TokenCache(tmp_path, "key"), ["a"])
    assert not old.exists()
    assert new.exists()


def test_a_disk_that_is_full_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("lightune.whole.os.replace", full)
        check(TokenCache(tmp_path, "key"), ["a", "b"])
    assert not kept(tmp_path)
    check(TokenCache(tmp_path, "key"), ["a", "b"])
    check(TokenCache(tmp_path, "key"), ["a", "b"], refused)


def test_an_interrupted_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(TokenCache(tmp_path, "key"), ["a"])
    before = files(tmp_path)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lightune.whole.os.replace", stop)
        with pytest.raises(KeyboardInterrupt):
            check(TokenCache(tmp_path, "key"), ["a", "b"])
    assert kept(tmp_path) == before


@pytest.mark.full
def test_writers_at_once_do_not_harm_each_other(tmp_path: Path) -> None:
    def fill(start: int) -> None:
        for at in range(start, start + 15):
            check(TokenCache(tmp_path, "key"), [chr(200 + at + step) * 9 for step in range(3)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fill, range(0, 40, 10)))
    assert all(path.suffix == ".ids" for path in kept(tmp_path))
    texts = [chr(200 + at) * 9 for at in range(50)]
    check(TokenCache(tmp_path, "key"), texts)
    check(TokenCache(tmp_path, "key"), texts, refused)


WRITER = """
import sys
from pathlib import Path
from lightune.compute import Encoder
from lightune.models import find_model, load_tokenizer
encoder = Encoder(load_tokenizer(find_model(sys.argv[1])), 20, "head").cached(Path(sys.argv[2]))
for at in range(60):
    encoder.encode([f"{sys.argv[3]} text {at}", f"text of both {at}"])
"""


@pytest.mark.full
def test_two_processes_at_once(tmp_path: Path, bases: dict[str, Path], asked: list[str]) -> None:
    command = [sys.executable, "-c", WRITER, str(bases["gpt2"]), str(tmp_path)]
    both = [subprocess.Popen([*command, name]) for name in ("one", "other")]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    encoder = Encoder(load_tokenizer(find_model(str(bases["gpt2"]))), 20, "head")
    texts = [f"{name} text {at}" for name in ("one", "other") for at in range(60)]
    texts += [f"text of both {at}" for at in range(60)]
    cached = encoder.cached(tmp_path)
    cached.encode(texts)
    # The key is the same in every process. Of two that put files together at once, one may lose what the other did.
    assert len(asked) < len(texts) / 2
    asked.clear()
    cached.encode(texts)
    assert asked == []
    same(encoder, cached, texts)
    assert len(files(tmp_path)) <= 9


TWO = """
import sys
from pathlib import Path
import numpy as np
from lightune.compute import TokenCache

folder, mark, texts = Path(sys.argv[1]), Path(sys.argv[2]), [f"text {at}" for at in range(40)]

def tokens(own):
    for text in own:
        with mark.open("a") as said:
            said.write(text + "\\n")
        yield np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int32)

(folder / "ready").mkdir(exist_ok=True)
(folder / "ready" / sys.argv[3]).touch()
while len(list((folder / "ready").iterdir())) < 2:
    pass
found = TokenCache(folder, "key").get(texts, tokens)
assert [bytes(row.astype(np.uint8)).decode() for row in found.rows] == texts
"""


@pytest.mark.full
def test_two_processes_that_want_the_same_tokenise_each_text_once(tmp_path: Path) -> None:
    mark = tmp_path / "tokenised"
    both = [
        subprocess.Popen([sys.executable, "-c", TWO, str(tmp_path), str(mark), name], env=dict(os.environ))
        for name in ("one", "other")
    ]
    assert [one.wait(300) for one in both] == [0, 0]
    assert sorted(mark.read_text().split("\n")[:-1]) == sorted(f"text {at}" for at in range(40))


def test_where_no_lock_can_be_had_tokens_are_made_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = TokenCache(tmp_path / "file" / "folder", "key")
    made = cache.get(["ab"], lambda own: iter([np.asarray([1, 2], dtype=np.int32)] * len(own)))
    assert [row.tolist() for row in made.rows] == [[1, 2]]
