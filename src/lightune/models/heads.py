"""The classification head: where it is, whether the checkpoint has one that fits these labels, and how one is drawn."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel


def head_modules(model: PreTrainedModel, absent: Sequence[str] = ()) -> tuple[str, ...]:
    """Name the modules that make up the head: all that stands beside the backbone, and whatever module below it the
    checkpoint had no weights for (`absent`: parameter names), such as the pooler of a BERT saved by a language model.
    """
    beside = [
        name
        for name, child in model.named_children()
        if name != model.base_model_prefix and any(True for _ in child.parameters())
    ]
    below = {name.rpartition(".")[0] for name in absent if name.startswith(f"{model.base_model_prefix}.")}
    return (*beside, *sorted(below))


def checkpoint_labels(config: PreTrainedConfig) -> list[str]:
    """Return the names of a checkpoint's labels in the order of its logits."""
    names = {int(index): str(name) for index, name in (config.id2label or {}).items()}
    return [names[index] for index in sorted(names)]


def match_labels(checkpoint: Sequence[str], label_names: Sequence[str]) -> list[int] | None:
    """For each of `label_names`, the index of the checkpoint's label that means it; None where they do not match.

    The same names in the same order are what they are. Else names match when they are equal but for case, or when one
    begins with the other ("neg" and "NEGATIVE") and no other pair does. Names that say nothing (LABEL_0, LABEL_1) are
    taken in their order.
    """
    if list(checkpoint) == list(label_names):
        return list(range(len(checkpoint)))
    theirs = [name.casefold() for name in checkpoint]
    ours = [name.casefold() for name in label_names]
    if len(theirs) != len(ours):
        return None
    if theirs == [f"label_{index}" for index in range(len(theirs))]:
        return list(range(len(theirs)))
    order = []
    for name in ours:
        found = [at for at, other in enumerate(theirs) if other == name]
        found = found or [at for at, other in enumerate(theirs) if other and _begins(name, other)]
        if len(found) != 1:
            return None
        order.append(found[0])
    return order if len(set(order)) == len(order) else None


def reorder_head(model: PreTrainedModel, order: Sequence[int]) -> None:
    """Put the outputs of the head's last linear layer into `order`, weights and biases, in place."""
    last = [
        module
        for name in head_modules(model)
        for module in model.get_submodule(name).modules()
        if isinstance(module, nn.Linear) and module.out_features == len(order)
    ][-1]
    index = torch.as_tensor(list(order))
    with torch.no_grad():
        last.weight.copy_(last.weight[index].clone())
        if last.bias is not None:
            last.bias.copy_(last.bias[index].clone())


def draw_head(model: PreTrainedModel, parameters: Sequence[str], seed: int) -> None:
    """Draw the named parameters anew, the way the architecture initialises them, from `seed` alone.

    The global generator is left as it was. The same seed draws the same head whatever was loaded before.
    """
    wanted = set(parameters)
    for name, parameter in model.named_parameters():
        # transformers draws only what does not bear this mark.
        parameter._is_hf_initialized = name not in wanted  # type: ignore[attr-defined]
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        for module in _initialised(wanted):
            model._init_weights(model.get_submodule(module))


def _initialised(parameters: Collection[str]) -> list[str]:
    """The modules that have a say in how `parameters` are drawn, in transformers' order: each after what is inside it.

    A layer's own rule may be overruled by the module it is part of (T5's head), up to the model itself (ModernBERT's).
    """
    paths = {name.rpartition(".")[0] for name in parameters}
    for path in list(paths):
        steps = path.split(".")
        paths.update(".".join(steps[:depth]) for depth in range(len(steps)))
    return sorted(paths, key=lambda path: (-len(path.split(".")) if path else 0, path))


def _begins(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
