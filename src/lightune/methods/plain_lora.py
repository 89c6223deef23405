"""LoRA that began by changing the base, as the plain LoRA that gives the same answers on the base as it was.

PiSSA and OLoRA take their first factors B0 A0 out of the weight: W' = W - s B0 A0. After training W' + s B A is
W + s (B A - B0 A0), which is LoRA of twice the rank with the factors [B, -B0] and [A; A0] (Meng et al. 2024,
arXiv 2404.02948, section 3.3). So the base stays as it is, and stock peft loads the adapter without taking a singular
value decomposition again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import peft
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from lightune.methods.layers import has_conv1d
from lightune.methods.tuners import quiet_peft

# Ways to begin that take the first factors out of the base.
CHANGES_BASE = ("pissa", "olora")
FIRST, SECOND = ".lora_A.", ".lora_B."


def factors(model: nn.Module) -> dict[str, Tensor]:
    """Copies of all first and second factors, by name."""
    return {
        name: parameter.detach().cpu().clone()
        for name, parameter in model.named_parameters()
        if FIRST in name or SECOND in name
    }


def as_plain_lora(
    trained: nn.Module, before: Mapping[str, Tensor], base: PreTrainedModel, head: Sequence[str]
) -> nn.Module:
    """Put on `base`, as it was loaded, the plain LoRA and the head that answer as `trained` does.

    before: the `factors` of the adapter before its first step. base: another copy than the one in `trained`.
    """
    assert isinstance(trained, peft.PeftModel)
    old = trained.active_peft_config
    config = replace(
        old,
        r=2 * old.r,
        lora_alpha=2 * old.lora_alpha,
        init_lora_weights=True,
        fan_in_fan_out=has_conv1d(base),
        modules_to_save=list(head),
    )
    with torch.random.fork_rng(), quiet_peft():
        plain: nn.Module = peft.get_peft_model(base, config)
    now = dict(trained.named_parameters())
    with torch.no_grad():
        for name, parameter in plain.named_parameters():
            if FIRST in name:
                parameter.copy_(torch.cat([now[name].cpu(), before[name]], dim=0))
            elif SECOND in name:
                parameter.copy_(torch.cat([now[name].cpu(), -before[name]], dim=1))
            elif parameter.requires_grad:
                parameter.copy_(now[name])
    plain.eval()
    return plain
