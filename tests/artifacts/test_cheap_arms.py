"""What the arms without a trained transformer save: read back exactly, and refused aloud when it is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import lightune
from lightune.artifacts import MAJORITY, TFIDF, Manifest, save_majority_artifact, save_tfidf_artifact
from lightune.compute import BagOfWords, Linear, new_vectorizer
from lightune.errors import ModelError

TEXTS = ["a good film", "a bad film, not good", "nothing but talk", "good talk, good film"]


def manifest(kind: str) -> Manifest:
    return Manifest(1, "0.1.0", kind, kind, None, ("bad", "good"), "good", None, None, 0, 4, "fingerprint")


@pytest.fixture
def bag() -> BagOfWords:
    vectorizer = new_vectorizer()
    features = vectorizer.fit_transform(TEXTS)
    generator = np.random.default_rng(0)
    return BagOfWords(vectorizer, Linear(generator.normal(size=(2, features.shape[1])), np.array([0.5, -0.5])))


@pytest.fixture
def saved(bag, tmp_path) -> Path:
    save_tfidf_artifact(tmp_path / "tfidf", bag, manifest(TFIDF))
    return tmp_path / "tfidf"


def test_tfidf_comes_back_to_the_last_bit(bag, saved):
    texts = [*TEXTS, "", "an unseen word", "A GOOD Film!"]
    assert (lightune.load(saved).logits(texts) == bag.score(texts).logits).all()
    assert lightune.load(saved).verified


def test_no_pickle_is_written(saved):
    assert {path.suffix for path in saved.iterdir()} == {".json", ".safetensors", ".md"}


def test_the_card_says_what_it_is(saved):
    card = (saved / "README.md").read_text(encoding="utf-8")
    assert "TF-IDF features with logistic regression" in card
    assert "Texts are read whole." in card


def test_the_majority_comes_back(tmp_path):
    save_majority_artifact(tmp_path / "m", np.array([0.75, 0.25]), manifest(MAJORITY))
    assert lightune.load(tmp_path / "m").probabilities(["x", ""]) == pytest.approx(np.array([[0.75, 0.25]] * 2))


def damage(folder: Path, **arrays: np.ndarray | None) -> None:
    numbers = {**load_file(folder / "numbers.safetensors"), **arrays}
    save_file({name: value for name, value in numbers.items() if value is not None}, folder / "numbers.safetensors")


DAMAGES = {
    "weights of another shape": lambda folder: damage(folder, weight=np.zeros((3, 4))),
    "a missing array": lambda folder: damage(folder, idf=None),
    "a number that is none": lambda folder: damage(folder, bias=np.array([np.nan, 0.0])),
    "no numbers": lambda folder: (folder / "numbers.safetensors").unlink(),
    "terms that are no JSON": lambda folder: (folder / "terms.json").write_text("[", encoding="utf-8"),
    "terms that are no list": lambda folder: (folder / "terms.json").write_text("{}", encoding="utf-8"),
    "a term too few": lambda folder: (folder / "terms.json").write_text(
        json.dumps(json.loads((folder / "terms.json").read_text())[1:]), encoding="utf-8"
    ),
}


@pytest.mark.parametrize("how", DAMAGES.values(), ids=DAMAGES)
def test_what_is_damaged_is_refused(saved, how):
    how(saved)
    with pytest.raises(ModelError, match="Train again"):
        lightune.load(saved)


def test_numbers_that_are_cut_off_are_refused(saved):
    (saved / "numbers.safetensors").write_bytes(b"\x10\x00")
    with pytest.raises(ModelError, match=r"numbers\.safetensors cannot be read"):
        lightune.load(saved)
