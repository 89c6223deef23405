"""Rows of tokens under a mask: aligned to the right padding, shifted for a decoder, their pooled tokens found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

# By this argument the outermost module tells the forward pass how many tokens were the text's own (`count_own_tokens`).
OWN_TOKENS = "own_tokens"
# What is passed beside the ids with a value for each token.
BESIDE = ("inputs_embeds", "token_type_ids", "position_ids")


def align_right(input_ids: Tensor, attention_mask: Tensor, pad_id: int) -> tuple[Tensor, Tensor]:
    """Move each row's tokens to its start: padding on the left or between becomes padding on the right.

    input_ids, attention_mask: [rows, tokens], 1 for a token and 0 for padding. Rows that are right-padded are returned
    as they are.
    """
    aligned = align_rows({"input_ids": input_ids, "attention_mask": attention_mask}, pad_id)
    return aligned["input_ids"], aligned["attention_mask"]


def align_rows(inputs: dict[str, Any], pad_id: int) -> dict[str, Any]:
    """Return the `inputs` of a forward pass with each row's tokens at its start: ids or embeddings, and what stands
    beside them for each token.

    The mask may be longer than the row: virtual tokens of a prefix come first there and stay where they are.
    """
    mask, tokens = inputs.get("attention_mask"), inputs.get("input_ids")
    tokens = inputs.get("inputs_embeds") if tokens is None else tokens
    if mask is None or tokens is None:
        return inputs
    virtual = mask.shape[1] - tokens.shape[1]
    own = mask[:, virtual:]
    if bool((own[:, 1:] <= own[:, :-1]).all()):
        return inputs
    order = torch.argsort(own, dim=1, descending=True, stable=True)
    own = own.gather(1, order)
    moved = {name: _gather(inputs[name], order) for name in BESIDE if inputs.get(name) is not None}
    if inputs.get("input_ids") is not None:
        moved["input_ids"] = _gather(inputs["input_ids"], order).masked_fill(own == 0, pad_id)
    return {**inputs, **moved, "attention_mask": torch.cat([mask[:, :virtual], own], dim=1)}


def shift_right(input_ids: Tensor, start_id: int) -> Tensor:
    """What a decoder reads: a start token, then each row up to its last token but one."""
    return torch.cat([torch.full_like(input_ids[:, :1], start_id), input_ids[:, :-1]], dim=1)


def last_token(hidden: Tensor, attention_mask: Tensor | None) -> Tensor:
    """Return the hidden state of each row's last real token: [rows, tokens, width] -> [rows, width].

    The mask may be longer than the states it pools (virtual prompt tokens come first and are counted by it) or shorter.
    """
    rows, length = hidden.shape[:2]
    if attention_mask is None:
        return hidden[:, -1]
    positions = torch.arange(attention_mask.shape[1], device=hidden.device)
    last = (positions * attention_mask.to(hidden.device)).argmax(dim=1) + (length - attention_mask.shape[1])
    return hidden[torch.arange(rows, device=hidden.device), last]


@contextmanager
def first_token_leads(backbone: Any, virtual: int) -> Iterator[None]:
    """Within it the states that an encoder's head is given start with the text's own first token, the one that its
    head was trained on, and the `virtual` tokens before it come after it.

    They are moved when all layers are done, so that every token keeps its place in attention.
    """
    if virtual <= 0:
        yield
        return
    # A pooler inside the backbone (BERT's) takes the first of the layers' states, others take that of the backbone's.
    inside = getattr(backbone, "pooler", None) is not None and hasattr(backbone, "encoder")

    def lead(module: nn.Module, args: Any, output: Any) -> Any:  # noqa: ARG001
        states = output.last_hidden_state
        own, before, rest = states[:, virtual : virtual + 1], states[:, :virtual], states[:, virtual + 1 :]
        output.last_hidden_state = torch.cat([own, before, rest], dim=1)
        return output

    handle = (backbone.encoder if inside else backbone).register_forward_hook(lead)
    try:
        yield
    finally:
        handle.remove()


def count_own_tokens(outermost: nn.Module) -> nn.Module:
    """Make `outermost`, a peft wrapper around a model that pools by the mask, align each call's rows and pass on
    how many tokens they have of their own. Changes it in place.

    Prompt tuning turns ids into embeddings with virtual tokens in front; below the wrapper nothing tells them apart.
    What stands beside the model (ShadowPEFT's network) reads the rows before the model aligns them.
    """
    outermost.register_forward_pre_hook(_pass_own_tokens, with_kwargs=True)
    return outermost


def _pass_own_tokens(
    module: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    rows = args[0] if args else kwargs.get("input_ids")
    rows = kwargs.get("inputs_embeds") if rows is None else rows
    if rows is None:
        return args, kwargs
    config: Any = module.config
    return args, {**align_rows(kwargs, config.pad_token_id), OWN_TOKENS: rows.shape[1]}


def _gather(values: Tensor, order: Tensor) -> Tensor:
    """Each row's `values` [rows, tokens, …] in its `order`; one row for all is one for each."""
    values = values.expand(order.shape[0], *values.shape[1:])
    index = order.reshape(*order.shape, *[1] * (values.dim() - 2)).expand_as(values)
    return values.gather(1, index)
