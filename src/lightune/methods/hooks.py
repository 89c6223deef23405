"""What single methods ask of a training beside gradients."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from typing import Any

import peft
import torch
from torch import Tensor, nn

from lightune.catalogue import Method
from lightune.methods.tuners import quiet_peft


class RankAllocation:
    """AdaLoRA's after each optimizer step, gradients still there: it moves its ranks (Zhang et al. 2023, arXiv
    2303.10512) by what it remembers of each weight's importance."""

    REMEMBERED = ("ipt", "exp_avg_ipt", "exp_avg_unc")
    PATTERN = "rank_pattern"

    def __init__(self, model: peft.PeftModel) -> None:
        self.base: Any = model.base_model
        self.device = next(model.parameters()).device

    def __call__(self, step: int) -> None:
        """After the step of that number, from 0."""
        self.base.update_and_allocate(step)

    def state(self) -> dict[str, Tensor]:
        """What it remembers, and which ranks are left."""
        found = {
            f"{kind}/{name}": value
            for kind in self.REMEMBERED
            for name, value in getattr(self.base.rankallocator, kind).items()
        }
        for name, kept in (self._config.rank_pattern or {}).items():
            found[f"{self.PATTERN}/{name}"] = torch.tensor(kept)
        return {name: value.detach().cpu().contiguous() for name, value in found.items()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave."""
        kinds: dict[str, dict[str, Tensor]] = {kind: {} for kind in (*self.REMEMBERED, self.PATTERN)}
        for name, value in state.items():
            kind, parameter = name.split("/", 1)
            kinds[kind][parameter] = value.to(self.device)
        pattern = {name: kept.tolist() for name, kept in kinds.pop(self.PATTERN).items()}
        if pattern:
            self._config.rank_pattern = pattern
        for kind, values in kinds.items():
            setattr(self.base.rankallocator, kind, values)

    @property
    def _config(self) -> Any:
        return self.base.peft_config[self.base.trainable_adapter_name]


def after_step(model: nn.Module) -> RankAllocation | None:
    """What is to be called after each optimizer step; None: nothing."""
    if not isinstance(model, peft.PeftModel) or model.peft_type is not peft.PeftType.ADALORA:
        return None
    return RankAllocation(model)


def rate_factors(method: Method) -> dict[str, float]:
    """By part of a parameter's name, how much faster than the others it learns.

    LoRA+: the second factor 16 times as fast (Hayou et al. 2024, arXiv 2402.12354).
    """
    return {".lora_B.": 16.0} if method.name == "lora-plus" else {}


def initialise_from_texts(model: nn.Module, batches: Iterable[Mapping[str, Tensor]]) -> None:
    """Begin EVA's first factors with the directions in which the inputs of each layer vary most over `batches`
    (input_ids, attention_mask), the same rank everywhere (Paischer et al. 2024, arXiv 2410.07170)."""
    assert isinstance(model, peft.PeftModel)
    config = model.active_peft_config
    config.eva_config = peft.EvaConfig(rho=1.0, use_label_mask=False)
    model.eval()
    with quiet_peft():
        peft.initialize_lora_eva_weights(
            model,
            [dict(batch) for batch in batches],
            prepare_model_inputs_fn=lambda inputs, config: inputs["attention_mask"].bool(),  # noqa: ARG005
            prepare_layer_inputs_fn=_own_states,
            show_progress_bar=False,
        )


def _own_states(layer_input: Any, mask: Tensor, layer_name: str) -> Tensor:  # noqa: ARG001
    """A layer's inputs at tokens that are no padding, [tokens, width]; all of them where it sees other rows."""
    states: Tensor = layer_input[0] if isinstance(layer_input, tuple | list) else layer_input
    return states[mask] if states.shape[:-1] == mask.shape else states.reshape(-1, states.shape[-1])


def why_not_here(method: Method) -> str | None:
    """Say why a method cannot run on this machine, whatever the model; None where it can."""
    if method.name != "qlora":
        return None
    missing = [] if torch.cuda.is_available() else ["a CUDA device"]
    missing += [] if importlib.util.find_spec("bitsandbytes") else ["the package bitsandbytes"]
    return f"it needs {' and '.join(missing)}, which this machine does not have" if missing else None
