"""Exact speed-ups that a model gets before it computes, whatever it is for."""

from __future__ import annotations

from torch import nn

from lightune.compute.choices import chosen
from lightune.methods import fuse_lora
from lightune.models import fuse_mlp, onednn_speed, use_bulk_dropout, use_onednn
from lightune.runtime import pick_device

# How many times as fast as MKL oneDNN must be in a plain product to be taken. Where the two were alike (1.05), a
# training took 16 % less time with it: weights are laid out for it once, and products are fused. A limit at what
# processors of one kind measure would have processes of one machine choose differently, and their last bits differ.
PAYS = 0.95


def onednn_pays() -> bool:
    """Whether linear layers are to multiply by oneDNN here: on a CPU where it measured faster than MKL, or as was
    decided beforehand."""
    made = chosen()
    if made is not None:
        return made.onednn
    return pick_device().name == "cpu" and onednn_speed() >= PAYS


def quicken(model: nn.Module, onednn: bool | None = None) -> nn.Module:
    """Let `model` compute as fast as this machine allows, the same answers and the same training; changes it in place,
    returns it.

    onednn: what a plan says; None measures. Call it when an adapter is on: what is attached later stays as it is.
    """
    use_bulk_dropout(model)
    if onednn_pays() if onednn is None else onednn:
        use_onednn(model)
        fuse_lora(model)
        fuse_mlp(model)
    return model
