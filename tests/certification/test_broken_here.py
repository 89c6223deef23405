"""Each line on the model itself, with what it is about broken on purpose: that line fails, and says by how much."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lightune.arms import adapter as adapter_arm
from lightune.arms.adapter import AdapterArm
from lightune.artifacts import loading as artifact_loading
from lightune.catalogue import METHODS
from lightune.certification import certify, checks
from lightune.compute import padded
from lightune.methods import untrusted
from lightune.models import find_model, load_classifier, quiet_transformers, tokenizers
from lightune.models import loading as model_loading
from lightune.records import NOT_APPLICABLE, PASS
from tests.certification.trained import Made, base_model, failed, learn, line

pytestmark = pytest.mark.full

NAMES = (
    "alone = in a batch",
    "padding",
    "head and adapter trained",
    "base untouched",
    "saved = in memory",
    "merged = unmerged",
    "exported = in memory",
    "same labels in every format",
    "stock peft",
    "probabilities",
    "end-of-text token",
)
MEASURED = ("alone = in a batch", "padding", "saved = in memory", "merged = unmerged", "exported = in memory")


@pytest.mark.parametrize(
    ("arm", "kind"),
    [("lora", "gpt2"), ("ia3", "bert"), ("lokr", "gpt2"), ("lora", "t5"), ("prefix-tuning", "gpt2")],
)
def test_nothing_broken_nothing_fails(trained: Callable[[str, str], Made], arm: str, kind: str) -> None:
    certificate = trained(arm, kind).certify()
    assert certificate.passed, certificate.failed
    assert tuple(check.name for check in certificate.checks) == NAMES
    for check in certificate.checks:
        assert check.compared
        assert (check.reason is None) == (check.outcome == PASS)
        if check.name in MEASURED and check.outcome == PASS:
            assert check.tolerance is not None
            assert 1e-5 <= check.tolerance < 1e-4  # in proportion to the largest logit
            assert check.difference is not None
            assert 0 <= check.difference <= 1e-5


def test_what_applies_to_lora_is_all_of_it(lora: Made) -> None:
    certificate = lora.certify()
    assert [check.outcome for check in certificate.checks] == [PASS] * len(NAMES)
    assert "2 of 2" not in line(certificate, "head and adapter trained").compared
    assert "0 of" in line(certificate, "base untouched").compared


def _assert_measured(certificate: Any, name: str) -> None:
    check = line(certificate, name)
    assert check.difference is not None
    assert check.difference > check.tolerance
    assert check.reason == f"logits differ by {check.difference:.2g}"


def test_a_router_that_looks_at_the_whole_batch(lora: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LILY as peft has it, which is refused: padding changes what is in a batch too."""
    monkeypatch.setattr(untrusted, "METHODS", {"lily": replace(METHODS["lily"], refused=None)})
    base = load_classifier(find_model(str(lora.base)), ("bad", "good"), 0)
    method = METHODS["lily"]
    with quiet_transformers():
        model = adapter_arm.attach(base.model, base.head.modules, method)
        torch.manual_seed(1)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lily_" in name:
                    parameter.normal_(std=0.2)
        context = replace(lora.fitted.context, spec="lily")
        fitted = adapter_arm.FittedAdapter(context, base, model.eval(), lora.fitted.encoder, lora.fitted.facts, method)
        fitted.save(tmp_path / "lily", None)
    certificate = certify(tmp_path / "lily", lora.checked)
    assert {"alone = in a batch", "padding"} <= failed(certificate)
    _assert_measured(certificate, "alone = in a batch")


def test_answers_that_depend_on_a_texts_place_in_its_batch(lora: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    real = artifact_loading.ModelScorer.score

    def placed(self: Any, texts: Any, on_rows: Any = None) -> Any:
        scored = real(self, texts, on_rows)
        return replace(scored, logits=scored.logits + (1e-3 if len(texts) == 1 else 0.0))

    monkeypatch.setattr(checks, "padded_logits", lambda *rest: padded.padded_logits(*rest) + 1e-3)
    monkeypatch.setattr(artifact_loading.ModelScorer, "score", placed)
    certificate = lora.certify()
    assert failed(certificate) == {"alone = in a batch"}
    assert line(certificate, "alone = in a batch").difference == pytest.approx(1e-3, abs=1e-5)


@pytest.mark.parametrize(
    ("arm", "kind", "name"),
    [
        # A decoder's stock pooling takes a last token with the padding token's id for padding...
        ("lora", "gpt2", "end-of-text token"),
        pytest.param("lora", "llama", "end-of-text token"),
        # ... and an encoder's the first place of a row, padding or not.
        pytest.param("full", "bert", "padding"),
    ],
)
def test_stock_pooling(
    trained: Callable[[str, str], Made], monkeypatch: pytest.MonkeyPatch, arm: str, kind: str, name: str
) -> None:
    made = trained(arm, kind)
    monkeypatch.setattr(model_loading, "pool_by_mask", lambda model: model)
    certificate = made.certify()
    assert failed(certificate) == {name}
    if name == "padding":
        _assert_measured(certificate, "padding")
    else:
        assert "at the end of a row of tokens changes no answer" in line(certificate, name).reason


@pytest.mark.parametrize("odd", [math.nan, math.inf])
@pytest.mark.parametrize("side", ["left", "right"])
def test_answers_to_padded_texts_that_are_no_numbers(
    lora: Made, monkeypatch: pytest.MonkeyPatch, side: str, odd: float
) -> None:
    def broken(model: Any, encoded: Any, pad_id: int, on: str, width: int = 0) -> Any:
        logits = padded.padded_logits(model, encoded, pad_id, on, width)
        if on == side and len(logits) > 3:
            logits[3, 0] = odd
        return logits

    monkeypatch.setattr(checks, "padded_logits", broken)
    certificate = lora.certify()
    # A batch padded on the right is what the last line looks at too.
    assert failed(certificate) == {"padding", *(("end-of-text token",) if side == "right" else ())}


def _learn_broken(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Any, Any], Any]
) -> Made:
    """Train LoRA through the real arm; `change` sees the model and its demands before the first step."""
    real = AdapterArm.adapted
    models: list[Any] = []

    def adapted(self: AdapterArm, *rest: Any) -> Any:
        models.append(real(self, *rest))
        return models[-1]

    monkeypatch.setattr(AdapterArm, "adapted", adapted)
    demands = AdapterArm.demands
    monkeypatch.setattr(AdapterArm, "demands", lambda self, model: change(model, demands(self, model)))
    return learn("lora", base_model(root, "gpt2"), tmp_path / "broken")


def test_a_head_that_is_frozen(tmp_path: Path, bases_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def freeze(model: Any, demands: Any) -> Any:
        for name, parameter in model.named_parameters():
            if ".score." in name:
                parameter.requires_grad_(False)
        return demands

    # Which the first batch would tell already.
    monkeypatch.setattr(sys.modules["lightune.training.fit"], "check_gradients", lambda *_: None)
    certificate = _learn_broken(tmp_path, bases_root, monkeypatch, freeze).certify()
    assert failed(certificate) == {"head and adapter trained"}
    assert line(certificate, "head and adapter trained").reason.startswith("0 of 0 tensors of the head")


@pytest.mark.parametrize("part", [".score.", "lora_"])
def test_a_part_that_no_step_changes(
    tmp_path: Path, bases_root: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def halt(model: Any, demands: Any) -> Any:
        return replace(demands, rate_factors={part: 0.0})

    certificate = _learn_broken(tmp_path, bases_root, monkeypatch, halt).certify()
    assert failed(certificate) == {"head and adapter trained"}
    assert "0 of " in line(certificate, "head and adapter trained").reason


def test_a_frozen_tensor_that_is_nudged_by_one_bit(
    tmp_path: Path, bases_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nudge(model: Any, demands: Any) -> Any:
        # The embedding of a byte that no text holds: no answer shows it.
        row = model.get_base_model().transformer.wte.weight

        class Nudge:
            def __call__(self, at: int) -> None:
                with torch.no_grad():
                    row[5, 0] = torch.nextafter(row[5, 0], torch.tensor(9.0)) if at == 0 else row[5, 0]

            def state(self) -> dict[str, torch.Tensor]:
                return {}

            def load(self, state: Any) -> None:
                raise AssertionError("nothing is gone on from here")

        return replace(demands, after_step=Nudge())

    certificate = _learn_broken(tmp_path, bases_root, monkeypatch, nudge).certify()
    assert failed(certificate) == {"base untouched"}
    assert line(certificate, "base untouched").reason.startswith("1 of ")


def test_a_merge_that_forgets_a_layer(lora: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = load_classifier(find_model(str(lora.base)), ("bad", "good"), 0).model
    real = checks.merge

    def forgets(model: Any) -> Any:
        merged = real(model)
        name = "transformer.h.1.mlp.c_fc.weight"
        with torch.no_grad():
            merged.get_parameter(name).copy_(stock.get_parameter(name))
        return merged

    monkeypatch.setattr(checks, "merge", forgets)
    certificate = lora.certify()
    # What is exported is what was merged.
    assert failed(certificate) - {"same labels in every format"} == {"merged = unmerged", "exported = in memory"}
    _assert_measured(certificate, "merged = unmerged")


def test_probabilities_that_do_not_sum_to_one(lora: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "softmax", lambda logits: 1 / (1 + np.exp(-logits)))
    certificate = lora.certify()
    assert failed(certificate) == {"probabilities"}
    check = line(certificate, "probabilities")
    assert (check.tolerance, check.difference > 1e-3) == (1e-9, True)


def test_probabilities_below_nought(lora: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "softmax", lambda logits: np.stack([np.full(len(logits), own) for own in (-1, 2)], 1))
    assert failed(lora.certify()) == {"probabilities"}


@pytest.mark.parametrize(("arm", "kind"), [("lora", "gpt2"), ("ia3", "bert")])
def test_a_tokenizer_that_takes_a_texts_words_for_its_own_tokens(
    trained: Callable[[str, str], Made], monkeypatch: pytest.MonkeyPatch, arm: str, kind: str
) -> None:
    made = trained(arm, kind)
    real = tokenizers.load_tokenizer

    def stock(source: Any) -> Any:
        tokenizer = real(source)
        tokenizer.split_special_tokens = False
        return tokenizer

    monkeypatch.setattr(model_loading, "load_tokenizer", stock)
    certificate = made.certify()
    assert failed(certificate) == {"end-of-text token"}
    assert "is read as a special token or lost" in line(certificate, "end-of-text token").reason


def test_a_cut_does_not_count_as_words_that_are_lost(lora: Made, tmp_path: Path) -> None:
    short = lora.copy(tmp_path / "short")
    path = short.folder / "lightune.json"
    path.write_text(path.read_text().replace('"max_length": 64', '"max_length": 6'))
    certificate = replace(short, reference=None).certify()
    assert line(certificate, "end-of-text token").outcome == PASS
    assert line(certificate, "padding").outcome != NOT_APPLICABLE
