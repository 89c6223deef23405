"""LoRA's layer and its gradients in one step of autograd: the same products, fewer passes over memory."""

from __future__ import annotations

import types
from typing import Any, cast

import torch
from peft import PeftModel
from peft.tuners.lora.layer import Linear as LoraLinear
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from transformers.pytorch_utils import Conv1D

from lightune.models import LaidOut, as_linear, fits_onednn, laid_out_weight, product, product_back


def fuse_lora(model: nn.Module) -> int:
    """Have each plain LoRA layer of `model` compute by `LoraByOneDnn` where a call allows it, in place; returns how
    many layers there are.

    Plain is W x + b + (alpha / r) B A x (Hu et al. 2021, arXiv 2106.09685) on a frozen linear layer, one adapter,
    without dropout at work. Whatever else a call is, peft's own code does. Logits and gradients agree with it within
    1e-5 in float32.
    """
    found = [module for module in model.modules() if type(module) is LoraLinear]
    for module in found:
        module.forward = types.MethodType(_forward, module)  # type: ignore[method-assign]
    return len(found)


def merge_plain_lora(model: nn.Module) -> bool:
    """Write the adapter of `model` into its weights where it is plain LoRA on float32 layers, in place, so that what
    follows computes without it. Answers agree within 1e-5 of before. Returns whether it did."""
    layers: list[Any] = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    if not isinstance(model, PeftModel) or not all(type(layer) is LoraLinear and is_plain(layer) for layer in layers):
        return False
    model.eval()
    model.merge_adapter()
    return True


class LoraByOneDnn(torch.autograd.Function):
    """W x + b + s B A x, each product by oneDNN."""

    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        first: Tensor,
        second: Tensor,
        scaling: float,
        laid_out: LaidOut | None,
    ) -> Tensor:
        """states [rows, inputs], weight [outputs, inputs], first (A) [rank, inputs], second (B) [outputs, rank]."""
        inner = product(states, first, None)
        ctx.save_for_backward(states, inner, weight, first, second)
        ctx.scaling, ctx.laid_out = scaling, laid_out
        found = product(states, weight if laid_out is None else laid_out.forward, bias)
        return found.add_(product(inner, second * scaling, None))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of states, A and B; the frozen weight and its bias have none."""
        states, inner, weight, first, second = ctx.saved_tensors
        grad = grad.contiguous()
        of_inner = product(grad, second.t() * ctx.scaling, None)
        of_states = None
        if ctx.needs_input_grad[0]:
            of_states = product_back(grad, weight, ctx.laid_out).add_(product(of_inner, first.t(), None))
        of_first = product(of_inner.t(), states.t(), None)
        of_second = product(inner.t(), grad.t(), None).t() * ctx.scaling
        return of_states, None, None, of_first, of_second, None, None


def _forward(self: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    if args or kwargs or not is_plain(self) or not fits_onednn(x, self.base_layer.weight):
        return LoraLinear.forward(self, x, *args, **kwargs)
    (active,) = self.active_adapters
    base = self.base_layer
    first, second = self.lora_A[active].weight, self.lora_B[active].weight
    states = x.reshape(-1, x.shape[-1])
    scaling, laid_out = self.scaling[active], laid_out_weight(base)
    rows = LoraByOneDnn.apply(states, as_linear(base), base.bias, first, second, scaling, laid_out)
    return cast(Tensor, rows.view(*x.shape[:-1], -1))


def is_plain(layer: Any) -> bool:
    """Whether a LoRA layer computes W x + b + s B A x by its one active adapter, with nothing beside it."""
    active = list(layer.active_adapters)
    if len(active) != 1 or active[0] not in layer.lora_A or layer.disable_adapters or layer.merged:
        return False
    (name,) = active
    dropout = layer.lora_dropout[name]
    return (
        type(layer.base_layer) in (nn.Linear, Conv1D)
        and not any(parameter.requires_grad for parameter in layer.base_layer.parameters())
        and name not in layer.lora_variant
        and layer.lora_B[name].bias is None
        and layer.lora_A[name].weight.dtype is torch.float32
        and (not layer.training or not isinstance(dropout, nn.Dropout) or dropout.p == 0.0)
    )
