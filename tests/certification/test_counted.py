"""What a certificate computes is what an estimate counts for it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from lightune.artifacts import load_artifact
from lightune.certification import checks, choose_texts, formats
from lightune.certification.subject import Subject
from lightune.compute.padded import ROWS
from lightune.study.estimating.certifying import ENDED, PADDED_ROWS, Passes, checked_lengths, passes_of
from lightune.study.estimating.reading import Reading
from tests.certification.trained import Made
from tests.fixtures.reviews import as_rows, make_reviews

ARMS = ("pretrained", "probe", "full", "lora", "bitfit", "prefix-tuning", "pissa")
CERTIFY = sys.modules["lightune.certification.certify"]  # its package has a function of this name


@pytest.mark.full
@pytest.mark.parametrize("arm", ARMS)
def test_an_estimate_counts_the_passes_that_a_certificate_makes(
    trained: Callable[[str, str], Made], monkeypatch: pytest.MonkeyPatch, arm: str
) -> None:
    made = trained(arm, "gpt2")
    texts = len(made.checked.texts)
    seen: Counter[str] = Counter(batches=1)  # by what is in memory, before it is certified

    def hear(place: Any, name: str, tell: Callable[..., None]) -> None:
        real = getattr(place, name)

        def told(*given: Any) -> Any:
            tell(*given)
            return real(*given)

        monkeypatch.setattr(place, name, told)

    def scored(_: Any, given: Any) -> None:
        seen["batches" if len(given) == texts else "single"] += 1

    def padded(_: Any, encoded: Any, pad_id: int, side: str, width: int = 0) -> None:
        if len(encoded.ids) == texts:
            seen["long" if width else "padded"] += 1
        else:
            seen["ended"] += len(encoded.ids)

    def asked(_: Any, jobs: Any) -> None:
        seen["loads"] += len(jobs)
        seen["batches"] += formats.RECALL in jobs
        seen["alone"] += len({*jobs} - {formats.RECALL})

    def loaded(_: Any) -> None:
        seen["loads"] += 1

    hear(type(load_artifact(made.folder).scorer), "score", scored)
    hear(checks, "padded_logits", padded)
    hear(Subject, "ask", asked)
    hear(CERTIFY, "load_artifact", loaded)
    hear(checks, "load_artifact", loaded)
    assert made.certify().passed
    assert seen["single"] == texts
    seen["alone"] += 1
    assert seen["ended"] == (3 * ENDED if seen["padded"] else 0)
    assert PADDED_ROWS == ROWS
    assert passes_of(arm, made.route) == Passes(
        **{name: seen[name] for name in ("batches", "padded", "long", "alone", "loads")}
    )


@pytest.mark.full
@pytest.mark.parametrize("limit", [8, 20, 100])
def test_its_texts_have_as_many_tokens_as_are_counted(lora: Made, limit: int) -> None:
    rows = as_rows(make_reviews(90, seed=4))
    encoder = replace(lora.fitted.encoder, max_length=limit)
    tokens = dict(zip(rows.row_ids, encoder.encode(rows.texts).lengths.tolist(), strict=True))
    told: Any = SimpleNamespace(reading=Reading(tokens, limit=limit))
    splits: Any = SimpleNamespace(test=rows)
    real = encoder.encode(choose_texts(rows, encoder).texts).lengths
    assert checked_lengths(told, splits).tolist() == real.tolist()
