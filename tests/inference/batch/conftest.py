"""Artefacts to label with, made without a training, and files to label."""

from __future__ import annotations

from pathlib import Path

import pytest
from soak.batch_artefacts import save_bag, save_lora

from tests.fixtures.bases import bases

__all__ = ["bases"]


@pytest.fixture(scope="session")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artefact that counts words, with the labels `bad`, `good` and `=neither`."""
    return save_bag(tmp_path_factory.mktemp("artefacts") / "tfidf")


@pytest.fixture(scope="session")
def lora(tmp_path_factory: pytest.TempPathFactory, bases: dict[str, Path]) -> Path:
    """LoRA on a tiny GPT-2, with the same labels."""
    return save_lora(tmp_path_factory.mktemp("artefacts") / "lora", str(bases["gpt2"]))
