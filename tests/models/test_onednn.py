"""Products by oneDNN are the products: same answers, same gradients, and stock wherever they do not fit."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers.models.gpt2.modeling_gpt2 import GPT2MLP
from transformers.pytorch_utils import Conv1D

from lightune.compute import quicken
from lightune.methods import merge_plain_lora
from lightune.models import fuse_mlp, laid_out, laid_out_bytes, laid_out_weight, onednn, use_onednn
from lightune.models.onednn import LinearByOneDnn, fits_onednn, product
from tests.fixtures.bases import answers, largest_difference, load, padded, token_rows, wake_adapter, with_lora
from tests.fixtures.models import KINDS
from tests.fixtures.tiers import few

BATCH = padded(token_rows(5, 20), 0)


@pytest.mark.parametrize("layer", [nn.Linear(24, 40), nn.Linear(24, 40, bias=False), Conv1D(40, 24)], ids=str)
@pytest.mark.parametrize("shape", [(3, 7, 24), (5, 24), (1, 24)], ids=str)
def test_a_layer_and_all_its_gradients_are_torchs(layer: nn.Module, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    states = torch.randn(shape, requires_grad=True)
    grad = torch.randn(*shape[:-1], 40)
    found = []
    for change in (lambda module: 0, use_onednn):
        change(layer)
        layer.zero_grad()
        states.grad = None
        answer = layer(states)
        answer.backward(grad)
        assert states.grad is not None
        found.append([answer.detach(), states.grad.clone(), *(p.grad.clone() for p in layer.parameters())])
    del layer.forward
    for one, other in zip(*found, strict=True):
        assert one.shape == other.shape
        assert largest_difference(one, other) < 1e-5


@pytest.mark.parametrize("layer", [nn.Linear(24, 40), nn.Linear(24, 40, bias=False), Conv1D(40, 24)], ids=str)
def test_a_weight_laid_out_beforehand_gives_the_same(layer: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightune.models.layouts.LEAST", 1)
    layer.requires_grad_(False)
    use_onednn(layer)
    states = torch.randn(5, 24, requires_grad=True)
    weight = layer.weight.detach().clone()
    size = laid_out_bytes(layer, training=True)
    assert (size, laid_out_bytes(layer, training=False)) == (24 * 40 * 4 * 2, 24 * 40 * 4)
    found = []
    for inside in (nullcontext(), laid_out(layer, training=True), laid_out(layer, training=False)):
        with inside:
            for _ in range(2):
                states.grad = None
                answer = layer(states)
                answer.backward(torch.ones_like(answer))
                if laid_out_weight(layer) is not None:
                    layer.weight.data.zero_()  # nobody looks at it any more
        layer.weight.data.copy_(weight)
        assert states.grad is not None
        found.append((answer.detach(), states.grad))
    for answer, grad in found[1:]:
        assert largest_difference(answer, found[0][0]) < 1e-5
        assert largest_difference(grad, found[0][1]) < 1e-5
    del layer.forward
    layer.requires_grad_(True)


@pytest.mark.parametrize("merged", [False, True])
def test_every_fused_layer_takes_what_is_laid_out(
    bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch, merged: bool
) -> None:
    monkeypatch.setattr("lightune.models.layouts.LEAST", 1)
    base = load(bases["gpt2"])
    model = with_lora(base.model, base.head.modules)
    wake_adapter(model)
    quicken(model, onednn=True)
    if merged:
        assert merge_plain_lora(model)
    expected = answers(model, **BATCH)
    with laid_out(model, training=False):
        assert largest_difference(answers(model, **BATCH), expected) < 1e-5
        for name, module in model.named_modules():
            if laid_out_weight(module) is not None and "lora" not in name:
                module.weight.data.zero_()
        assert largest_difference(answers(model, **BATCH), expected) < 1e-5
    assert largest_difference(answers(model, **BATCH), expected) > 1e-3


def test_nothing_stays_laid_out_where_something_fails(bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightune.models.layouts.LEAST", 1)
    model = load(bases["gpt2"]).model
    use_onednn(model)
    size = laid_out_bytes(model, training=False)

    def fails(layer: nn.Module) -> torch.Tensor:
        raise MemoryError

    monkeypatch.setattr("lightune.models.layouts.as_linear", fails)
    with pytest.raises(MemoryError), laid_out(model, training=False):
        pass
    assert laid_out_bytes(model, training=False) == size


def test_what_learns_or_is_stock_is_not_laid_out(bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightune.models.layouts.LEAST", 1)
    model = load(bases["gpt2"]).model
    assert laid_out_bytes(model, training=False) == 0
    use_onednn(model)
    assert laid_out_bytes(model, training=True) == 0  # all of it would learn
    before = answers(model, **BATCH)
    with laid_out(model, training=False):
        assert laid_out_bytes(model, training=False) == 0  # done already
        assert laid_out_weight(model.transformer.h[0].attn.c_attn) is not None
        assert largest_difference(answers(model, **BATCH), before) < 1e-5
        assert set(model.state_dict()) == set(load(bases["gpt2"]).model.state_dict())
    assert laid_out_weight(model.transformer.h[0].attn.c_attn) is None


def test_gradients_agree_with_finite_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    def in_double(states: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        return nn.functional.linear(states, weight, bias)

    monkeypatch.setattr(onednn, "product", in_double)
    torch.manual_seed(0)
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in ((6, 4), (5, 4), (5,))]
    assert torch.autograd.gradcheck(LinearByOneDnn.apply, (*inputs, None))


@pytest.mark.parametrize("kind", few(KINDS))
def test_a_model_answers_as_before(bases: dict[str, Path], kind: str) -> None:
    model = load(bases[kind]).model
    before = answers(model, **BATCH)
    assert use_onednn(model) > 4
    assert largest_difference(answers(model, **BATCH), before) < 1e-5


def test_a_frozen_layer_keeps_nothing_of_its_input() -> None:
    layer = nn.Linear(8, 8).requires_grad_(False)
    use_onednn(layer)
    states = torch.randn(4, 8, requires_grad=True)
    kept: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        layer(states)
    assert [tensor.data_ptr() for tensor in kept] == [layer.weight.data_ptr()]


@pytest.mark.full
def test_what_does_not_fit_is_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = nn.Linear(8, 8)
    use_onednn(layer)

    def never(*args: Any) -> None:
        raise AssertionError("oneDNN was called")

    monkeypatch.setattr(onednn, "product", never)
    with pytest.raises(AssertionError, match="oneDNN was called"):
        layer(torch.randn(2, 8))
    assert layer(torch.randn(0, 8)).shape == (0, 8)
    assert layer.double()(torch.randn(2, 8).double()).dtype is torch.float64
    layer.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(torch.randn(2, 8)).dtype is torch.bfloat16
    exported = torch.export.export(layer, (torch.randn(2, 8),))
    assert "mkldnn" not in str(exported.graph)


def test_it_is_measured_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    onednn.speed.cache_clear()
    calls: list[int] = []
    monkeypatch.setattr(onednn, "_seconds", lambda *args: calls.append(1) or float(len(calls)))
    assert onednn.speed() == 0.5
    assert onednn.speed() == 0.5
    assert len(calls) == 2 * onednn.ROUNDS
    onednn.speed.cache_clear()


def test_without_onednn_it_is_never_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    onednn.speed.cache_clear()
    monkeypatch.setattr(onednn, "available", lambda: False)
    assert onednn.speed() == 0.0
    onednn.speed.cache_clear()


def test_a_layers_copy_computes_with_its_own_weights() -> None:
    import copy

    layer = nn.Linear(8, 8)
    use_onednn(layer)
    other = copy.deepcopy(layer)
    with torch.no_grad():
        other.weight.zero_()
    states = torch.randn(2, 8)
    assert torch.equal(other(states), other.bias.expand(2, 8))
    assert not torch.equal(layer(states), other(states))
    assert fits_onednn(states, layer.weight)
    assert largest_difference(product(states, layer.weight, layer.bias), layer(states)) == 0.0


def test_gelu_is_fused_where_no_gradient_is_wanted(bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    model = load(bases["gpt2"]).model
    before = answers(model, **BATCH)
    stock: list[int] = []
    real = GPT2MLP.forward
    monkeypatch.setattr(GPT2MLP, "forward", lambda *args: stock.append(1) or real(*args))
    assert fuse_mlp(model) == model.config.n_layer
    assert largest_difference(answers(model, **BATCH), before) < 1e-5
    assert not stock
    # In training, and wherever a gradient goes through it, transformers' own code runs.
    model(**BATCH).logits.sum().backward()
    assert len(stock) == model.config.n_layer
    model.train()
    answers(model, **BATCH)
    assert len(stock) == 2 * model.config.n_layer


def test_an_adapter_on_the_first_layer_is_heard_until_it_is_merged(bases: dict[str, Path]) -> None:
    base = load(bases["gpt2"])
    model: Any = with_lora(base.model, base.head.modules)
    wake_adapter(model)
    model.eval()
    before = answers(model, **BATCH)
    assert fuse_mlp(model) > 0
    assert largest_difference(answers(model, **BATCH), before) == 0.0
    model.merge_adapter()
    assert largest_difference(answers(model, **BATCH), before) < 1e-5
