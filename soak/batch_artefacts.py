"""Artefacts to label texts with, made in seconds and without a study. Their answers mean nothing."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch

from lightune.artifacts import FORMAT, BaseModel, Manifest, save_adapter_artifact, save_tfidf_artifact
from lightune.catalogue import METHODS
from lightune.compute import BagOfWords, Linear, new_vectorizer
from lightune.methods import attach
from lightune.models import find_model, load_classifier, weights_digest
from lightune.version import VERSION

LABELS = ("bad", "good", "=neither")
_PLAIN = "the a film plot music cast ending was is not good bad dull bright slow warm odd, and but so"
WORDS = (*_PLAIN.split(), "\N{GRINNING FACE}")


def make_texts(rows: int, seed: int = 0, most: int = 12) -> list[str]:
    """Texts of one to `most` words; some of them several times."""
    generator = random.Random(seed)
    return [" ".join(generator.choices(WORDS, k=generator.randint(1, most))) for _ in range(rows)]


def save_bag(folder: Path) -> Path:
    """An artefact that counts words; its weights are drawn."""
    generator = np.random.default_rng(0)
    vectorizer = new_vectorizer()
    vectorizer.fit(make_texts(500))
    terms = len(vectorizer.vocabulary_)
    layer = Linear(generator.normal(size=(len(LABELS), terms)), generator.normal(size=len(LABELS)))
    save_tfidf_artifact(folder, BagOfWords(vectorizer, layer), _manifest("tfidf", "tfidf", None))
    return folder


def save_lora(folder: Path, model: str) -> Path:
    """LoRA on a model, by its name or folder; the adapter's tensors are drawn."""
    base = load_classifier(find_model(model), LABELS, 0)
    adapted = attach(base.model, base.head.modules, METHODS["lora"], {"r": 4})
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(1)
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.1)
    named = BaseModel(base.source.name, base.source.location, weights_digest(base.source))
    save_adapter_artifact(folder, adapted, base.head.modules, base.tokenizer, _manifest("lora", "adapter", named))
    return folder


def _manifest(arm: str, kind: str, base: BaseModel | None) -> Manifest:
    return Manifest(
        format=FORMAT,
        lightune=VERSION,
        arm=arm,
        kind=kind,
        base=base,
        label_names=LABELS,
        positive_label=None,
        max_length=None if base is None else 64,
        truncate=None if base is None else "head",
        seed=0,
        train_size=0,
        data_fingerprint="0" * 64,
        temperature=2.0,
    )
