"""The blocks of a model's backbone: the list of layers that its hidden states go through one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from torch import nn
from transformers import PreTrainedModel

from lightune.errors import ModelError


@dataclass(frozen=True)
class Blocks:
    """name: of the list, as `transformer.h`. modules: the blocks in the order of their use."""

    name: str
    modules: tuple[nn.Module, ...]

    def __len__(self) -> int:
        return len(self.modules)

    def inside(self, module: str, first: int) -> bool:
        """Whether the module of this name lies in block number `first` or one above it."""
        own = module.removeprefix(f"{self.name}.")
        number = own.partition(".")[0]
        return own != module and number.isdigit() and int(number) >= first


def find_blocks(model: PreTrainedModel) -> Blocks:
    """Find the blocks of `model`, with or without an adapter in them. Raises ModelError where they are not in one list.

    An encoder-decoder has two such lists, and its decoder reads what its encoder makes in every block.
    """
    if model.config.is_encoder_decoder:
        raise ModelError(
            "The top blocks of this model are asked for, but it is an encoder-decoder, whose blocks stand in two "
            "lists. Leave --top-blocks out, or take a model of one list."
        )
    count = int(model.config.num_hidden_layers)
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == count and next(module.parameters(), None) is not None:
            return Blocks(name, tuple(cast("list[nn.Module]", list(module))))
    raise ModelError(
        f"The top blocks of this model are asked for, but {type(model).__name__} has no list of its {count} blocks. "
        "Leave --top-blocks out, or take another model."
    )


def first_adapted(model: PreTrainedModel, top_blocks: int) -> int:
    """The number, from 0, of the first of the `top_blocks` upper blocks. Raises ModelError for more than there are."""
    count = len(find_blocks(model))
    if top_blocks > count:
        raise ModelError(
            f"--top-blocks {top_blocks}: the model has {count} blocks. Give a number up to that, or leave it out."
        )
    return count - top_blocks
