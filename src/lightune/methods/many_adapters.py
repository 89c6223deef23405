"""Many plain LoRA adapters on one base: one copy of its weights, and batches in which each text has its own adapter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import peft
import torch
from peft.tuners.lora.layer import Linear as LoraLinear
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import ModulesToSaveWrapper
from torch import nn

from lightune.methods.fused_lora import is_plain
from lightune.methods.plain_lora import FIRST, SECOND
from lightune.methods.tuners import quiet_peft

# How a batch names the base without an adapter; peft's word.
NO_ADAPTER = "__base__"


class ManyAdapters:
    """A base with the LoRA of many loaded adapters beside it, by key. Its head is gone: its logits are the pooled
    states [texts, width] that a head of any number of labels takes (`own_head`).

    loaded: adapters that `load_adapter` put each on a copy of the same base, for which `joins` holds. The first one's
    base becomes the shared one, and it is used up by that.
    """

    def __init__(self, loaded: Mapping[str, nn.Module]) -> None:
        states = {key: _factors(model) for key, model in loaded.items()}
        configs = {key: _bare_config(model) for key, model in loaded.items()}
        first, *others = loaded
        with quiet_peft():
            base: Any = loaded[first].unload()  # type: ignore[operator]
            base.score = nn.Identity()
            self.model = peft.get_peft_model(base, configs[first], adapter_name=first)
            for key in others:
                self.model.add_adapter(key, configs[key])
            for key, state in states.items():
                peft.set_peft_model_state_dict(self.model, state, adapter_name=key)
        self.model.requires_grad_(False)
        self.model.eval()
        for key, state in states.items():
            _check_same(peft.get_peft_model_state_dict(self.model, adapter_name=key), state, key)

    @contextmanager
    def only(self, key: str) -> Iterator[nn.Module]:
        """Within it the model answers with this adapter alone, or with none (`NO_ADAPTER`)."""
        if key == NO_ADAPTER:
            with self.model.disable_adapter():
                yield self.model
        else:
            self.model.set_adapter(key, inference_mode=True)
            yield self.model

    @contextmanager
    def mixed(self) -> Iterator[nn.Module]:
        """Within it a batch may name the adapter of each of its rows. What fails leaves nothing behind: peft takes the
        hooks that tell layers the names away again only from a pass that came to its end."""
        before = [
            (hooks, hooks.copy())
            for module in self.model.modules()
            for hooks in (module._forward_pre_hooks, module._forward_pre_hooks_with_kwargs)
        ]
        try:
            yield self.model
        except BaseException:
            for hooks, own in before:
                hooks.clear()
                hooks.update(own)
            raise


def joins(model: nn.Module) -> bool:
    """Whether a loaded adapter is one for `ManyAdapters`: plain LoRA on frozen linear layers of a decoder, the head
    beside it, and nothing else that it changes."""
    if not isinstance(model, peft.PeftModel) or model.peft_type is not peft.PeftType.LORA:
        return False
    config: Any = model.active_peft_config
    layers: list[Any] = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    wrapped = [name for name, module in model.named_modules() if isinstance(module, ModulesToSaveWrapper)]
    return (
        config.bias == "none"
        and config.init_lora_weights in (True, False, "gaussian")
        and not getattr(config, "trainable_token_indices", None)
        and not getattr(config, "target_parameters", None)
        and not getattr(config, "layer_replication", None)
        and isinstance(own_head(model), nn.Linear)
        and all(name.endswith(".score") for name in wrapped)
        and all(type(layer) is LoraLinear and is_plain(layer) for layer in layers)
    )


def own_head(model: nn.Module) -> nn.Module | None:
    """The head of a decoder's classifier, as it was trained where an adapter is on it; None for other architectures."""
    inner = model.get_base_model() if isinstance(model, peft.PeftModel) else model
    head = getattr(inner, "score", None)
    if isinstance(head, ModulesToSaveWrapper):
        return head.modules_to_save[str(head.active_adapter)]
    return head if isinstance(head, nn.Module) else None


def backbone_parameters(model: nn.Module) -> list[nn.Parameter]:
    """The base's own parameters in the model's order, without an adapter's and without the head's."""
    return [
        parameter
        for name, parameter in model.named_parameters()
        if FIRST not in name and SECOND not in name and ".score." not in f".{name}"
    ]


def _factors(model: nn.Module) -> dict[str, torch.Tensor]:
    assert isinstance(model, peft.PeftModel)
    state: dict[str, torch.Tensor] = peft.get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: value.clone() for name, value in state.items() if FIRST in name or SECOND in name}


def _bare_config(model: nn.Module) -> Any:
    """The adapter's configuration without task and head: for a task peft would look after a head of its own."""
    assert isinstance(model, peft.PeftModel)
    return replace(model.active_peft_config, task_type=None, modules_to_save=None, inference_mode=True)


def _check_same(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor], key: str) -> None:
    if set(found) != set(wanted) or not all(torch.equal(found[name], value) for name, value in wanted.items()):
        raise RuntimeError(f"adapter {key} is not on the shared base as it was loaded")
