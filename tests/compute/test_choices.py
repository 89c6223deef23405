"""What is decided beforehand holds for what is loaded and answered within, and for nothing else."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from lightune.compute import Choices, choosing, layouts_fit, onednn_pays
from lightune.compute import laying_out as laying_out_module
from lightune.compute import quickening as quickening_module
from lightune.compute.laying_out import LAID_OUT_FROM, laid_out_for
from lightune.models import use_onednn
from tests.fixtures.bases import load


def test_onednn_is_as_decided_and_measured_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []
    monkeypatch.setattr(quickening_module, "onednn_speed", lambda: measured.append(1) or 0.0)
    for onednn in (True, False):
        with choosing(Choices(torch.get_num_threads(), onednn)):
            assert onednn_pays() is onednn
    assert measured == []
    assert onednn_pays() is False
    assert measured


def test_layouts_are_as_decided_whatever_is_free(bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    model = load(bases["gpt2"]).model
    use_onednn(model)
    monkeypatch.setattr("lightune.models.layouts.LEAST", 1)
    monkeypatch.setattr(laying_out_module, "available_memory_bytes", lambda: 0)
    assert not layouts_fit([model])

    def lays_out() -> bool:
        with laid_out_for(model, LAID_OUT_FROM):
            return any("_laid_out" in layer.__dict__ for layer in model.modules())

    assert not lays_out()
    with choosing(Choices(torch.get_num_threads(), True, layouts=True)):
        assert lays_out()
    monkeypatch.setattr(laying_out_module, "available_memory_bytes", lambda: 10**12)
    assert layouts_fit([model])
    with choosing(Choices(torch.get_num_threads(), True, layouts=False)):
        assert not lays_out()
    with choosing(Choices(torch.get_num_threads(), True)):
        assert lays_out()


def test_threads_are_put_back_and_other_threads_are_left_alone() -> None:
    before = torch.get_num_threads()
    seen = []
    with choosing(Choices(before + 1, True)):
        assert torch.get_num_threads() == before + 1
        other = threading.Thread(target=lambda: seen.append(onednn_pays()))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(quickening_module, "onednn_speed", lambda: 0.0)
            other.start()
            other.join()
    assert seen == [False]
    assert torch.get_num_threads() == before
