"""The parts of a model that methods change, by name."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from lightune.catalogue import Shape
from lightune.errors import ConfigError
from lightune.models import find_blocks, first_adapted

# Of a block's linear layers, what stands for those of its attention, and for the others.
ATTENTION, MLP = "attention", "mlp"


def linear_layers(model: PreTrainedModel, head: Sequence[str] = ()) -> list[str]:
    """Name every linear layer (torch's or GPT-2's Conv1D) of the backbone, the head's left out."""
    return [name for name, module in _backbone(model, head) if isinstance(module, nn.Linear | Conv1D)]


def in_top_blocks(model: PreTrainedModel, names: Sequence[str], top_blocks: int | None) -> list[str]:
    """Those of `names` (modules or their parameters) that lie in the model's `top_blocks` upper blocks; all for None.

    Raises ModelError where the model has fewer blocks, or no list of them.
    """
    if top_blocks is None:
        return list(names)
    blocks, first = find_blocks(model), first_adapted(model, top_blocks)
    return [name for name in names if blocks.inside(name, first)]


def norm_layers(model: PreTrainedModel, head: Sequence[str] = ()) -> list[str]:
    """Name every normalisation layer of the backbone, whatever its class is called (LayerNorm, RMSNorm, ...)."""
    return [
        name
        for name, module in _backbone(model, head)
        if type(module).__name__.endswith("Norm") and any(True for _ in module.parameters(recurse=False))
    ]


def bias_names(model: PreTrainedModel, head: Sequence[str] = ()) -> list[str]:
    """Name every bias of the backbone's layers, the head's left out."""
    return [
        f"{name}.{own}"
        for name, module in _backbone(model, head)
        for own, _ in module.named_parameters(recurse=False)
        if own == "bias"
    ]


def sides(layer: nn.Module) -> tuple[int, int]:
    """In and out of a linear layer."""
    return (layer.nx, layer.nf) if isinstance(layer, Conv1D) else (layer.in_features, layer.out_features)  # type: ignore[return-value]


def has_conv1d(model: nn.Module) -> bool:
    """Whether `model` has a layer of GPT-2's kind."""
    return any(isinstance(module, Conv1D) for module in model.modules())


def shape_of(model: PreTrainedModel, head: Sequence[str], steps: int) -> Shape:
    """What methods' options depend on. steps: of the training that is to come."""
    config = model.config
    embedding = model.get_input_embeddings().weight
    assert isinstance(embedding, nn.Parameter)
    layers = [model.get_submodule(name) for name in linear_layers(model, head)]
    return Shape(
        sides=tuple(sides(layer) for layer in layers),
        width=int(config.hidden_size),
        blocks=int(config.num_hidden_layers),
        vocabulary=int(embedding.shape[0]),
        steps=steps,
    )


def asked_layers(
    model: PreTrainedModel, head: Sequence[str], asked: Sequence[str] | None, top_blocks: int | None = None
) -> list[str]:
    """Name the linear layers that `asked` means, of the `top_blocks` upper blocks; all of them for None.

    asked: names, name ends, ATTENTION for all that is inside the blocks' attention, MLP for the blocks' other layers.
    Raises ConfigError.
    """
    layers = in_top_blocks(model, linear_layers(model, head), top_blocks)
    if asked is None:
        return layers
    found: set[str] = set()
    for name in asked:
        meant = {layer for layer in layers if layer == name or layer.endswith(f".{name}")}
        if not meant and name in (ATTENTION, MLP):
            meant = {layer for layer in layers if _part(model, layer) == name}
        if not meant:
            known = sorted({layer.rpartition(".")[2] for layer in layers})
            where = "" if top_blocks is None else f" in its {top_blocks} top blocks"
            raise ConfigError(
                f"--target-modules: {name!r} is none of this model's linear layers{where}; it has {', '.join(known)}. "
                f"{ATTENTION} and {MLP} mean those of each block."
            )
        found |= meant
    return [layer for layer in layers if layer in found]


def _part(model: PreTrainedModel, layer: str) -> str | None:
    """Which part of a block a linear layer belongs to: by the classes that it is inside; None outside the blocks."""
    parts = layer.split(".")
    above = [".".join(parts[:end]) for end in range(1, len(parts))]
    if not any(name.rpartition(".")[2].isdigit() for name in above):
        return None
    inside = any("Attention" in type(model.get_submodule(name)).__name__ for name in above)
    return ATTENTION if inside else MLP


def shortened(model: PreTrainedModel, layers: Sequence[str]) -> list[str]:
    """The last parts of the layers' names, where these mean no other module: they read better in a configuration."""
    short = sorted({layer.rpartition(".")[2] for layer in layers})
    matched = [name for name, _ in model.named_modules() if name.rpartition(".")[2] in short]
    return short if sorted(matched) == sorted(layers) else list(layers)


def _backbone(model: PreTrainedModel, head: Sequence[str]) -> list[tuple[str, nn.Module]]:
    prefix = f"{model.base_model_prefix}."
    inside = tuple(f"{name}." for name in head)
    return [
        (name, module)
        for name, module in model.named_modules()
        if name.startswith(prefix) and not name.startswith(inside) and name not in head
    ]
