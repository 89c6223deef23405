"""Features on disk: each text once, and a file that can be harmed without harm."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from lightune.arrays import keep_arrays
from lightune.compute import FeatureCache
from lightune.data import row_ids

TEXTS = ["a", "b", "a", "c", "b", "\ud800"]
IDS = row_ids(TEXTS)


def kept_in(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix != ".lock"]


class Model:
    """Counts which texts it was asked for."""

    def __init__(self, texts: Sequence[str] = TEXTS, width: int = 3) -> None:
        self.texts, self.width = texts, width
        self.asked: list[str] = []

    def __call__(self, at: Sequence[int]) -> np.ndarray:
        self.asked += [self.texts[place] for place in at]
        return np.stack([self.features(self.texts[place]) for place in at])

    def features(self, text: str) -> np.ndarray:
        return np.arange(self.width, dtype=np.float64) + ord(text[0]) / 7


def check(got: np.ndarray, texts: Sequence[str] = TEXTS) -> None:
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, np.stack([Model().features(text) for text in texts]).astype(np.float32))


def test_each_text_is_computed_once(tmp_path: Path) -> None:
    model = Model()
    check(FeatureCache(tmp_path / "new" / "folder", "key").get(IDS, model))
    assert model.asked == ["a", "b", "c", "\ud800"]
    again = Model()
    check(FeatureCache(tmp_path / "new" / "folder", "key").get(IDS, again))
    assert again.asked == []


def test_only_what_is_lacking_is_computed(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, "key")
    check(cache.get(IDS[:1], Model()), TEXTS[:1])
    model = Model()
    check(cache.get(IDS, model))
    assert model.asked == ["b", "c", "\ud800"]
    texts = ["c", "new", "a", "c"]
    model = Model(texts)
    check(cache.get(row_ids(texts), model), texts)
    assert model.asked == ["new"]
    model = Model(width=3)
    check(cache.get(IDS[::-1], model), TEXTS[::-1])
    assert model.asked == []
    assert len(kept_in(tmp_path)) == 1


def test_keys_do_not_meet(tmp_path: Path) -> None:
    FeatureCache(tmp_path, "one/model:512").get(IDS, Model())
    other = Model(width=5)
    assert FeatureCache(tmp_path, "another").get(IDS, other).shape == (len(IDS), 5)
    assert len(other.asked) == 4
    # A file that stands in another key's place is not taken for it.
    one, another = FeatureCache(tmp_path, "one/model:512"), FeatureCache(tmp_path, "another")
    another.path.write_bytes(one.path.read_bytes())
    again = Model(width=5)
    assert another.get(IDS, again).shape == (len(IDS), 5)
    assert len(again.asked) == 4


@pytest.mark.parametrize("harm", ["empty", "cut", "cut early", "flipped", "text", "pickle", "folder"])
def test_a_harmed_file_is_computed_anew(tmp_path: Path, harm: str) -> None:
    cache = FeatureCache(tmp_path, "key")
    cache.get(IDS, Model())
    whole = cache.path.read_bytes()
    middle = whole.index(Model().features("b").astype(np.float32).tobytes())
    harmed = {
        "empty": b"",
        "cut": whole[:-30],
        "cut early": whole[:40],
        "flipped": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "text": b"not a file of numpy's",
    }
    if harm == "pickle":
        with cache.path.open("wb") as file:
            np.savez(file, key=np.array([{"a": 1}], dtype=object), hashes=[], features=[])
    elif harm == "folder":
        cache.path.unlink()
        cache = FeatureCache(tmp_path / "below", "key")
    else:
        cache.path.write_bytes(harmed[harm])
    model = Model()
    check(cache.get(IDS, model))
    assert model.asked == ["a", "b", "c", "\ud800"]
    model = Model()
    check(cache.get(IDS, model))
    assert model.asked == []


def test_a_file_whose_parts_do_not_fit_is_computed_anew(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, "key")
    hashes = np.array([IDS[0].partition("-")[0]])
    keep_arrays(cache.path, "key", {"hashes": hashes, "features": np.zeros((2, 3), dtype=np.float32)})
    check(cache.get(IDS, Model()))


@pytest.mark.parametrize("answer", [np.zeros((1, 3)), np.zeros(4), np.zeros((4, 3, 1))])
def test_an_answer_of_another_shape_is_refused_and_not_kept(tmp_path: Path, answer: np.ndarray) -> None:
    cache = FeatureCache(tmp_path, "key")
    with pytest.raises(ValueError, match="4 rows of"):
        cache.get(IDS, lambda at: answer)
    assert not kept_in(tmp_path)


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = FeatureCache(tmp_path, "key")
    cache.get(IDS[:2], Model())

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", stop)
        with pytest.raises(KeyboardInterrupt):
            cache.get(IDS, Model())
    assert kept_in(tmp_path) == [cache.path]
    model = Model()
    check(cache.get(IDS, model))
    assert model.asked == ["c", "\ud800"]


def test_no_rows_have_no_features(tmp_path: Path) -> None:
    assert len(FeatureCache(tmp_path, "key").get((), Model())) == 0


def test_a_file_with_a_byte_changed_gives_the_right_features(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, "key")
    cache.get(IDS, Model())
    whole = cache.path.read_bytes()
    for at in range(0, len(whole), 17):
        cache.path.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
        check(cache.get(IDS, Model()))


def test_writers_at_once_do_not_harm_it(tmp_path: Path) -> None:
    def fill(start: int) -> None:
        for at in range(start, start + 20):
            texts = [chr(200 + at + step) for step in range(3)]
            check(FeatureCache(tmp_path, "key").get(row_ids(texts), Model(texts)), texts)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fill, range(0, 40, 10)))
    cache = FeatureCache(tmp_path, "key")
    assert kept_in(tmp_path) == [cache.path]
    kept = cache._read()
    assert kept
    check(cache.get(IDS, Model()))
    assert set(cache._read()) > set(kept)


def test_of_two_that_want_the_same_at_once_one_computes_it(tmp_path: Path) -> None:
    begun, go_on = Event(), Event()

    class Slow(Model):
        def __call__(self, at: Sequence[int]) -> np.ndarray:
            begun.set()
            assert go_on.wait(60)
            return super().__call__(at)

    first, second = Slow(), Model()
    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(FeatureCache(tmp_path, "key").get, IDS, first)
        assert begun.wait(60)
        other = threads.submit(FeatureCache(tmp_path, "key").get, IDS, second)
        assert not second.asked
        go_on.set()
        check(one.result())
        check(other.result())
    assert len(first.asked) == 4
    assert second.asked == []
