"""A scorer answers the same for few texts and for many, for which it merges the adapter first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightune.compute import Encoder, ModelScorer
from lightune.compute import scorer as module
from tests.fixtures.bases import load, wake_adapter, with_lora

TEXTS = ["a good film", "a bad film, too long", "good"]


@pytest.mark.full
def test_many_texts_are_answered_by_a_merged_adapter(bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    base = load(bases["gpt2"])
    model: Any = with_lora(base.model, base.head.modules)
    wake_adapter(model)
    scorer = ModelScorer(model, Encoder(base.tokenizer, 48, "head"))
    layer = next(one for one in model.modules() if hasattr(one, "lora_A") and hasattr(one, "merged"))
    few = scorer.score(TEXTS)
    assert not layer.merged
    monkeypatch.setattr(module, "MERGE_FROM", few.tokens)
    assert not (scorer.score(TEXTS), layer.merged)[1]  # few texts of many tokens are no reason either
    monkeypatch.setattr(module, "MERGE_TEXTS", len(TEXTS))
    many = scorer.score(TEXTS)
    assert layer.merged
    assert np.abs(few.logits - many.logits).max() < 1e-5
    assert np.array_equal(many.logits, scorer.score(TEXTS).logits)


@pytest.mark.full
def test_merging_can_be_settled_beforehand(bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for merging in (True, False):
        base = load(bases["gpt2"])
        model: Any = with_lora(base.model, base.head.modules)
        wake_adapter(model)
        scorer = ModelScorer(model, Encoder(base.tokenizer, 48, "head"))
        assert scorer.merging is None
        scorer.merging = merging
        layer = next(one for one in model.modules() if hasattr(one, "lora_A") and hasattr(one, "merged"))
        monkeypatch.setattr(module, "MERGE_FROM", 1 if not merging else 10**9)
        monkeypatch.setattr(module, "MERGE_TEXTS", 1)
        scorer.score(TEXTS)
        assert layer.merged is merging
