"""Methods that many trainings on one base may differ in, and the names of their layers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from lightune.catalogue import METHODS
from lightune.methods import attach, linear_layers
from lightune.methods.layers import asked_layers
from lightune.models import put_back
from tests.fixtures.bases import answers, load
from tests.fixtures.models import KINDS
from tests.fixtures.tiers import few
from tests.methods.taught import BATCH

SEARCHABLE = [name for name, method in METHODS.items() if method.searchable]
pytestmark = pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly disabled")

# What is no part of the blocks' attention there.
MLP = {
    "gpt2": {"mlp.c_fc", "mlp.c_proj"},
    "llama": {"mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"},
    "bert": {"intermediate.dense", "output.dense"},
    "distilbert": {"ffn.lin1", "ffn.lin2"},
    "modernbert": {"mlp.Wi", "mlp.Wo"},
    "bart": {"fc1", "fc2"},
    "t5": {"DenseReluDense.wi", "DenseReluDense.wo"},
}


@pytest.mark.full
@pytest.mark.parametrize("name", few(SEARCHABLE, "dora", "ia3", "loha", "ln-tuning"))
def test_a_base_that_was_trained_on_is_what_it_was_to_the_bit(bases: Mapping[str, Path], name: str) -> None:
    base = load(bases["gpt2"])
    model = base.model.eval()
    expected, before = answers(model, **BATCH), {own: value.clone() for own, value in model.state_dict().items()}
    with put_back(model):
        adapted = attach(model, base.head.modules, METHODS[name], steps=5).train()
        loss = adapted(**BATCH).logits.square().sum()
        loss.backward()
        with torch.no_grad():
            for parameter in adapted.parameters():
                if parameter.grad is not None:
                    parameter -= 0.1 * parameter.grad
        assert not torch.equal(answers(adapted, **BATCH), expected)
    after = model.eval().state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[own], before[own]) for own in before)
    assert torch.equal(answers(model, **BATCH), expected)


def test_methods_that_change_the_base_are_none_of_them() -> None:
    assert {"lora", "dora", "ia3", "ln-tuning"} <= set(SEARCHABLE)
    assert not {"pissa", "olora", "qlora", "bitfit", "prompt-tuning", "xlora", "lily"} & set(SEARCHABLE)


@pytest.mark.parametrize("kind", few(KINDS, "gpt2", "bert"))
def test_attention_and_mlp_are_the_blocks_layers_whatever_they_are_called(bases: Mapping[str, Path], kind: str) -> None:
    base = load(bases[kind])
    head = base.head.modules
    parts = {part: set(asked_layers(base.model, head, [part])) for part in ("attention", "mlp")}
    every = set(linear_layers(base.model, head))
    assert parts["attention"]
    assert not parts["attention"] & parts["mlp"]
    assert parts["attention"] | parts["mlp"] == every
    if kind in MLP:
        ends = {end for end in MLP[kind] if any(layer.endswith(f".{end}") for layer in parts["mlp"])}
        assert ends == MLP[kind]
        assert len(parts["mlp"]) % len(MLP[kind]) == 0
        assert all("attention" not in layer.lower() for layer in parts["mlp"])
    both = asked_layers(base.model, head, ["attention", "mlp"])
    assert both == linear_layers(base.model, head)


def test_of_the_top_blocks_alone_where_these_are_asked_for(bases: Mapping[str, Path]) -> None:
    base = load(bases["bert"])
    found = asked_layers(base.model, base.head.modules, ["mlp"], top_blocks=1)
    assert found == ["bert.encoder.layer.1.intermediate.dense", "bert.encoder.layer.1.output.dense"]
    adapted = attach(base.model, base.head.modules, METHODS["lora"], target_modules=["mlp"], top_blocks=1)
    changed = {
        name.partition(".lora_A")[0].removeprefix("base_model.model.")
        for name in adapted.state_dict()
        if "lora_A" in name
    }
    assert changed == set(found)
