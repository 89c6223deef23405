"""Each line on what was saved, with the files broken on purpose: that line fails, and says by how much."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lightune.artifacts import loading as artifact_loading
from lightune.certification import formats
from lightune.records import NOT_APPLICABLE, PASS
from tests.certification.trained import Made, failed, line

# Each makes and checks whole artefacts.
pytestmark = pytest.mark.full

LABELS, EXPORTED, SAVED = "same labels in every format", "exported = in memory", "saved = in memory"


def edit_tensors(path: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    """Load, change and save a file of tensors."""
    tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def flip_a_number(tensors: dict[str, torch.Tensor]) -> None:
    name = next(name for name in sorted(tensors) if "lora_B" in name)
    tensors[name][0, 0] = -tensors[name][0, 0] - 0.1


def test_a_number_in_the_saved_file(lora: Made, tmp_path: Path) -> None:
    harmed = lora.copy(tmp_path / "lora")
    edit_tensors(harmed.folder / "adapter_model.safetensors", flip_a_number)
    certificate = harmed.certify()
    assert failed(certificate) == {SAVED}
    check = line(certificate, SAVED)
    assert check.difference is not None
    assert check.tolerance is not None
    assert check.difference > check.tolerance >= 1e-5
    assert check.reason == f"logits differ by {check.difference:.2g}"
    assert line(lora.certify(), SAVED).outcome == PASS


def test_what_a_new_process_cannot_load_is_a_line_that_fails(lora: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    real = formats.wanted

    def elsewhere(*rest: Any) -> Any:
        asked = real(*rest)
        return replace(asked, jobs={**asked.jobs, formats.RECALL: {"folder": "/nowhere", "texts": ["a"]}})

    monkeypatch.setattr(formats, "wanted", elsewhere)
    certificate = lora.certify()
    assert failed(certificate) == {SAVED}
    reason = line(certificate, SAVED).reason
    assert reason is not None
    assert reason.startswith("it cannot be loaded there: /nowhere: an artefact is expected")


@pytest.fixture
def export(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Path], None]], None]:
    """Have something done to each export before it is looked at."""

    def then(change: Callable[[Path], None]) -> None:
        real = formats._export

        def changed(*rest: Any) -> str:
            folder = real(*rest)
            change(Path(folder))
            return folder

        monkeypatch.setattr(formats, "_export", changed)

    return then


def _nudge_the_head(folder: Path) -> None:
    edit_tensors(folder / "model.safetensors", lambda tensors: tensors["score.weight"].mul_(1.001))


def _swap_the_head(folder: Path) -> None:
    edit_tensors(folder / "model.safetensors", lambda tensors: tensors["score.weight"].copy_(
        tensors["score.weight"].flip(0)
    ))  # fmt: skip


def _swap_the_names(folder: Path) -> None:
    path = folder / "config.json"
    names = {"id2label": {"0": "good", "1": "bad"}, "label2id": {"good": 0, "bad": 1}}
    path.write_text(json.dumps({**json.loads(path.read_text()), **names}))


def _lose_the_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _lose_a_block(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "n_layer": 1}))


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        (_nudge_the_head, {EXPORTED}),
        (_swap_the_head, {EXPORTED, LABELS}),
        (_swap_the_names, {LABELS}),
        (_lose_the_weights, {EXPORTED}),
    ],
)
def test_an_export_that_was_changed(
    lora: Made, export: Callable[..., None], change: Callable[[Path], None], fails: set[str]
) -> None:
    export(change)
    certificate = lora.certify()
    assert failed(certificate) == fails
    for name in fails:
        assert line(certificate, name).reason
    if LABELS in fails:
        assert line(certificate, LABELS).reason == "other labels: exported"


def test_an_export_that_lost_a_block(lora: Made, export: Callable[..., None]) -> None:
    export(_lose_a_block)
    assert EXPORTED in failed(lora.certify())


def test_a_whole_model_whose_names_were_swapped_after_it_was_read(
    trained: Callable[..., Made], tmp_path: Path, export: Callable[..., None]
) -> None:
    full = trained("full")
    assert full.certify().passed
    export(_swap_the_names)
    assert LABELS in failed(full.copy(tmp_path / "full").certify())


@pytest.mark.parametrize("arm", ["lokr", "adaption-prompt", "multitask-prompt-tuning"])
def test_a_stock_route_that_stock_peft_cannot_follow(trained: Callable[..., Made], arm: str) -> None:
    """A method of Linear layers on GPT-2's Conv1D, one without a head in its file, one that asks for a task."""
    made = trained(arm)
    honest = line(made.certify(), "stock peft")
    assert (honest.outcome, bool(honest.reason)) == (NOT_APPLICABLE, True)
    certificate = made.certify(stock_route="adapter")
    assert failed(certificate) - {LABELS} == {"stock peft"}
    check = line(certificate, "stock peft")
    assert check.reason
    assert (check.difference is None) == check.reason.startswith("it cannot be loaded there")


def test_a_base_that_stock_peft_finds_elsewhere(lora: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = formats.wanted

    def elsewhere(*rest: Any) -> Any:
        asked = real(*rest)
        stock = {**asked.jobs[formats.STOCK], "base": str(tmp_path)}
        return replace(asked, jobs={**asked.jobs, formats.STOCK: stock})

    monkeypatch.setattr(formats, "wanted", elsewhere)
    certificate = lora.certify()
    assert failed(certificate) == {"stock peft"}
    reason = line(certificate, "stock peft").reason
    assert reason is not None
    assert "\n" not in reason


def test_saved_is_seen_where_nothing_in_memory_is_left(lora: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without logits of then, the new process is set beside this one, which here loads it wrong."""
    check = line(lora.certify(reference=None), SAVED)
    assert check.compared == "loaded in a new process and loaded here"
    load = artifact_loading.with_adapter

    def wrong(*rest: Any) -> Any:
        model = load(*rest)
        with torch.no_grad():
            next(value for name, value in model.named_parameters() if "lora_B" in name).add_(0.1)
        return model

    monkeypatch.setattr(artifact_loading, "with_adapter", wrong)
    assert SAVED in failed(lora.certify(reference=None))
