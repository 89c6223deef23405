"""Weights are laid out for many tokens where there is room, by whatever answers for texts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from lightune.compute import Encoder, laying_out, logits_of, pooled_features, quicken
from lightune.models import laid_out_bytes
from lightune.training import TokenRows, predict
from tests.fixtures.bases import load

TEXTS = ["The film is long.", "a", "Good, good, good."] * 4


def answer(way: str, model: nn.Module, encoded: Any, scratch: Path) -> Any:
    if way == "logits":
        return logits_of(model, encoded, 0)
    if way == "features":
        return pooled_features(model, encoded, 0, "last")
    return predict(model, TokenRows(encoded, np.zeros(len(encoded), dtype=np.int64)), 0, scratch)


@pytest.mark.full
@pytest.mark.parametrize("way", ["logits", "features", "trainer"])
def test_many_tokens_are_answered_by_weights_laid_out(
    bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr("lightune.models.layouts.LEAST", 1)
    base = load(bases["gpt2"])
    model = quicken(base.model, onednn=True)
    encoded = Encoder(base.tokenizer, 20, "head").encode(TEXTS)
    real, entered = laying_out.laid_out, []

    @contextmanager
    def seen(*args: Any, **how: Any) -> Iterator[None]:
        entered.append(how)
        with real(*args, **how):
            yield

    monkeypatch.setattr(laying_out, "laid_out", seen)
    expected = answer(way, model, encoded, tmp_path)
    assert entered == []  # too few to be worth it
    monkeypatch.setattr(laying_out, "LAID_OUT_FROM", int(encoded.lengths.sum()))
    assert np.abs(answer(way, model, encoded, tmp_path) - expected).max() < 1e-5
    assert entered == [{"training": False}]
    size = laid_out_bytes(model, training=False)
    monkeypatch.setattr(laying_out, "available_memory_bytes", lambda: 5 * size - 5)
    answer(way, model, encoded, tmp_path)
    assert len(entered) == 1  # no room
