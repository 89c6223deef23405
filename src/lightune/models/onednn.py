"""Matrix products of linear layers by oneDNN instead of MKL: the same sums, on some processors twice as fast.

torch's CPU build multiplies float32 matrices with MKL, which keeps to AVX2 on processors that are not Intel's; oneDNN,
which torch has on board as well, takes what the processor has.
"""

from __future__ import annotations

import functools
import time
import types
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from transformers.pytorch_utils import Conv1D

from lightune.models.layouts import LaidOut, as_linear, laid_out_weight

# Sizes of one product that tells the two apart: tokens, inputs, outputs.
TRIAL = (512, 768, 768)
ROUNDS = 15


def available() -> bool:
    """Whether this torch was built with oneDNN and has the product that it uses itself when it compiles a model."""
    return bool(torch.backends.mkldnn.is_available()) and hasattr(torch.ops.mkldnn, "_linear_pointwise")


@functools.cache
def speed() -> float:
    """How many times as fast as MKL oneDNN multiplies here, measured once a process with the threads it has."""
    if not available():
        return 0.0
    tokens, inputs, outputs = TRIAL
    with torch.random.fork_rng():
        torch.manual_seed(0)
        states, weight = torch.randn(tokens, inputs), torch.randn(outputs, inputs)
    bias = torch.zeros(outputs)
    # In turn, and the best of many: other work on the machine must not decide it.
    mkl, onednn = float("inf"), float("inf")
    for _ in range(ROUNDS):
        mkl = min(mkl, _seconds(nn.functional.linear, states, weight, bias))
        onednn = min(onednn, _seconds(product, states, weight, bias))
    return mkl / onednn


def product(states: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """What torch's linear gives, without gradients: states [..., inputs], weight [outputs, inputs], bias [outputs]."""
    found: Tensor = torch.ops.mkldnn._linear_pointwise(states, weight, bias, "none", [], "")
    return found


class LinearByOneDnn(torch.autograd.Function):
    """torch's linear and its gradients, each product by oneDNN."""

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, weight: Tensor, bias: Tensor | None, laid_out: LaidOut | None = None
    ) -> Tensor:
        """states [rows, inputs], weight [outputs, inputs], bias [outputs] to [rows, outputs]."""
        learns = weight.requires_grad
        ctx.save_for_backward(weight, states if learns else None)
        ctx.laid_out = laid_out
        return product(states, weight if laid_out is None else laid_out.forward, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of what wants one."""
        weight, states = ctx.saved_tensors
        grad = grad.contiguous()
        of_states = product_back(grad, weight, ctx.laid_out) if ctx.needs_input_grad[0] else None
        of_weight = None
        if ctx.needs_input_grad[1]:
            of_weight = product(grad.t(), states.t(), None)
        of_bias = grad.sum(dim=0) if ctx.needs_input_grad[2] else None
        return of_states, of_weight, of_bias, None


def product_back(grad: Tensor, weight: Tensor, laid_out: LaidOut | None) -> Tensor:
    """The gradient [rows, inputs] of what a layer was given, from that of its answer [rows, outputs]."""
    return product(grad, weight.t() if laid_out is None else laid_out.backward, None)


def linear_by_onednn(states: Tensor, weight: Tensor, bias: Tensor | None, laid_out: LaidOut | None = None) -> Tensor:
    """torch's linear with gradients: states [..., inputs] to [..., outputs]."""
    rows = LinearByOneDnn.apply(states.reshape(-1, states.shape[-1]), weight, bias, laid_out)
    return rows.view(*states.shape[:-1], -1)  # type: ignore[no-any-return]


def fits_onednn(states: Tensor, weight: Tensor) -> bool:
    """Whether a call is one for oneDNN: plain float32 on the CPU, and no tracer looking on."""
    return (
        states.device.type == "cpu"
        and weight.device.type == "cpu"
        and states.dtype is torch.float32
        and weight.dtype is torch.float32
        and states.numel() > 0
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()  # type: ignore[attr-defined]
        and not torch.is_autocast_enabled("cpu")
    )


def use_onednn(model: nn.Module) -> int:
    """Have every Linear and Conv1D of `model` multiply by oneDNN, in place; returns how many.

    The override sits on the instance: classes, parameters' names and what is saved stay stock. Logits and gradients
    agree with torch's own within 1e-5 in float32.
    """
    found = [module for module in model.modules() if type(module) in (nn.Linear, Conv1D)]
    for module in found:
        module.forward = types.MethodType(_linear if type(module) is nn.Linear else _conv1d, module)
    return len(found)


def _linear(self: nn.Linear, input: Tensor) -> Tensor:
    if not fits_onednn(input, self.weight):
        return nn.Linear.forward(self, input)
    return linear_by_onednn(input, self.weight, self.bias, laid_out_weight(self))


def _conv1d(self: Any, x: Tensor) -> Tensor:
    if not fits_onednn(x, self.weight):
        return Conv1D.forward(self, x)  # type: ignore[no-any-return]
    return linear_by_onednn(x, as_linear(self), self.bias, laid_out_weight(self))


def _seconds(multiply: Callable[[Tensor, Tensor, Tensor], Tensor], *inputs: Tensor) -> float:
    start = time.thread_time()  # which stands still while another process has the processor
    multiply(*inputs)
    return time.thread_time() - start
