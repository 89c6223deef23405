"""From an adapted model to a plain one: the adapter's change written into the weights."""

from __future__ import annotations

from typing import Any

import peft
from peft.tuners.beft.layer import BeftLayer
from peft.utils import ModulesToSaveWrapper
from torch import nn
from transformers import PreTrainedModel

from lightune.catalogue import MERGE, METHODS, NO_WEIGHTS, Method
from lightune.errors import ModelError
from lightune.methods.adapters import method_of
from lightune.methods.tuners import TUNERS_RAISE, quiet_peft, sentence
from lightune.models import is_quantised, pools_first_token, to_conv1d


def merge(model: nn.Module) -> PreTrainedModel:
    """Turn an adapted model, freshly loaded, into a stock classifier that answers the same; it is used up.

    Layers that were turned into Linear are Conv1D again. A model without an adapter is returned as it is. Raises
    ModelError, saying why, for a method that is no change of the weights, and where peft fails.
    """
    if not isinstance(model, peft.PeftModel):
        assert isinstance(model, PreTrainedModel)
        return model
    why = why_not_merged(model)
    if why is not None:
        raise ModelError(f"The adapter cannot be merged: {why}.")
    _unwrap_head(model)
    try:
        with quiet_peft():
            merged: PreTrainedModel = model.merge_and_unload(safe_merge=False)
    except TUNERS_RAISE as error:
        raise ModelError(f"The adapter cannot be merged: peft fails at it ({sentence(error)}).") from error
    to_conv1d(merged, getattr(model, "converted_layers", ()))
    merged.eval()
    return merged


def _unwrap_head(model: nn.Module) -> None:
    """Put trained modules in the place of what peft has around them: some tuners would leave the head's there, and
    others trip over a head of several layers."""
    for name, module in list(model.named_modules()):
        if isinstance(module, ModulesToSaveWrapper):
            parent, _, own = name.rpartition(".")
            setattr(model.get_submodule(parent), own, module.modules_to_save[str(module.active_adapter)])


def why_not_merged(model: nn.Module) -> str | None:
    """Say why an adapted model cannot be merged; None where it can."""
    if not isinstance(model, peft.PeftModel):
        return None
    if isinstance(model.active_peft_config, peft.PromptLearningConfig):
        return NO_WEIGHTS
    if is_quantised(model):
        return METHODS["qlora"].cannot[MERGE]
    if model.peft_type is peft.PeftType.BEFT and _adds_biases(model):
        return "it gives biases to layers that have none, and this architecture's weights have no place for them"
    method = method_of(model.active_peft_config)
    return None if method is None else method.cannot.get(MERGE)


def _adds_biases(model: nn.Module) -> bool:
    return any(isinstance(module, BeftLayer) and module.get_base_layer().bias is None for module in model.modules())


def model_pools_virtual(model: nn.Module) -> bool:
    """Whether stock peft would pool one of the adapter's virtual tokens: they stand before an encoder's first one."""
    if not isinstance(model, peft.PeftModel) or not isinstance(model.active_peft_config, peft.PromptLearningConfig):
        return False
    in_the_row = model.peft_type not in (peft.PeftType.PREFIX_TUNING, peft.PeftType.CARTRIDGE)
    base: Any = model.get_base_model()
    return in_the_row and pools_first_token(base)


def stock_route_of(model: nn.Module) -> str:
    """`stock_route` of a model that was loaded."""
    method = method_of(model.active_peft_config) if isinstance(model, peft.PeftModel) else None
    return "merged" if method is None else stock_route(model, method)


def stock_route(model: nn.Module, method: Method) -> str:
    """How stock libraries come to the answers of an adapted model: `adapter` where stock peft loads it on the base as
    it is, else `merged`, else `none: <reason>`."""
    converted = bool(getattr(model, "converted_layers", ()))
    config = getattr(model, "active_peft_config", None)
    hides_first = model_pools_virtual(model)
    asks_task = bool(getattr(config, "num_tasks", None) or getattr(config, "n_tasks", None))
    if (
        method.peft is not None
        and method.saves_head
        and not (converted or asks_task or hides_first or is_quantised(model))
    ):
        return "adapter"
    reason = why_not_merged(model)
    if reason is None:
        return "merged"
    if is_quantised(model):
        return f"none: stock peft holds its base in other bits; and it cannot be merged: {reason}"
    if asks_task:
        return f"none: stock peft wants a task's number with each text; and it cannot be merged: {reason}"
    if hides_first:
        return f"none: stock peft pools a virtual token instead of the text's first; and it cannot be merged: {reason}"
    if not method.saves_head:
        return f"none: stock peft saves no head with it; and it cannot be merged: {reason}"
    return f"none: stock peft loads it on Linear layers alone; and it cannot be merged: {reason}"
